"""Bronze lines become typed columns, each with the reasons why a record is bad.

Belongs here: the frame that comes out, which columns a record is asked for, and its list of reasons.
Does not: taking lines apart (a source), values, judging.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import polars as pl

from medallion_assets.contracts.batch import BatchKind, decides_at
from medallion_assets.contracts.columns import (
    BATCH_ID,
    EXPORT_FROM_AT,
    EXPORT_TO_AT,
    EXPORT_TYPE,
    IS_DELETE,
    LINE_NUMBER,
    RAW,
    REASON_COLUMNS,
    REASONS,
    SEQUENCE,
    SEQUENCE_TEXT,
    SOURCE_FILE,
    UNKNOWN_ATTRIBUTES,
    VERDICT,
)
from medallion_assets.contracts.expectations import UNREADABLE
from medallion_assets.contracts.reasons import LIST, spread
from medallion_assets.contracts.source import LineReader, Source
from medallion_assets.contracts.table import Column, Table
from medallion_assets.delta.schema import polars_type
from medallion_assets.engines.pieces import pieces
from medallion_assets.refining.typing.timestamps import MOMENT, business_dates, timestamps
from medallion_assets.refining.typing.values import NOT_AFTER, reasons, suspect, typed
from medallion_assets.storage.sizes import MEBIBYTE

SEQUENCE_MALFORMED = "sequence_malformed"
WRITE_TIME_OUTSIDE_WINDOW = "write_time_outside_window"
TEXTS_HASH = "_texts_hash"
"""Of a table without a key: a hash of all texts of a record."""
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
MOST_AHEAD = timedelta(minutes=1)
"""So long after the end of its batch may a timestamp be: clocks differ, and a full batch is not of one moment (T1)."""
BLOCK_LINES = 131_072
BLOCK_BYTES = 64 * MEBIBYTE
"""Lines, and their bytes, that one thread takes from text to typed columns: what bounds memory beyond the batch and its
result."""

_CARRIED = (RAW, BATCH_ID, EXPORT_TYPE, SOURCE_FILE, LINE_NUMBER)
_LISTS = (REASONS, REASON_COLUMNS)
_IS_READ = ~pl.col(VERDICT).is_in(UNREADABLE).fill_null(value=False)
"""Whether a record could be taken apart; one with another verdict is bad, and its values have their reasons too."""


def decode(
    lines: pl.DataFrame,
    table: Table,
    source: Source,
    reader: LineReader | None = None,
    *,
    block_lines: int = BLOCK_LINES,
) -> pl.DataFrame:
    """Decode Bronze rows of one or several batches of `source` into the columns of `table`, same order, same height.

    `lines` has `raw`, `_export_id`, `_export_type`, `_export_from_at` and `_export_to_at` (UTC), `_source_file`,
    `_line_number` (rule B4). A `reader` that has read lines of the table before knows how they are written.
    The result has, in this order:
    - every column of `table.decoded_columns` in the contract's type; null where it has a reason, and in a delete unless
      it belongs to the key;
    - `_sequence_micros` (rule R1), null where none can be read; `_is_delete` (rule R2);
    - `_reasons`, `_reason_columns`: lists of equal length in the order of the contract, a reason of the whole record
      last and with a null column. Empty lists: a good record, as far as types go (rules T1 to T5);
    - `_unknown_attributes`: names in the item that the contract does not know, sorted; an empty list: none;
    - of a table without a key TEXTS_HASH;
    - the columns `raw`, `_export_id`, `_export_type`, `_source_file`, `_line_number` as they came.

    No line fails the call: what cannot be read is a reason (`malformed_json`, `unknown_record`).
    """
    reader = reader or source.reader(table)
    cuts = list(pieces(lines[RAW], rows=block_lines, size=BLOCK_BYTES)) or [(0, 0)]
    blocks = [lines.slice(start, height) for start, height in cuts]
    with ThreadPoolExecutor(min(len(blocks), pl.thread_pool_size())) as threads:
        return pl.concat(threads.map(lambda block: _decode_block(block, table, source, reader), blocks), rechunk=False)


def _decode_block(lines: pl.DataFrame, table: Table, source: Source, reader: LineReader) -> pl.DataFrame:
    texts = reader.read(lines).with_columns(
        (lines[EXPORT_TYPE] != BatchKind.CHANGES.value).alias("_is_whole"),
        lines[EXPORT_FROM_AT],
        lines[EXPORT_TO_AT],
        (lines[EXPORT_TO_AT] + MOST_AHEAD).alias(NOT_AFTER),
    )
    sourced = [column for column in table.decoded_columns if column.source is not None]
    values = texts.select(
        *(typed(texts, column) for column in sourced),
        _sequence_micros(source).alias(SEQUENCE),
        IS_DELETE,
        UNKNOWN_ATTRIBUTES,
    )
    values = values.with_columns(
        *(
            lines[EXPORT_FROM_AT].dt.date().alias(column.name).cast(polars_type(column.type))
            for column in table.decoded_columns
            if column.of_batch
        ),
        *_texts_hash(texts, sourced, table),
    ).with_columns(
        business_dates(pl.col(column.business_date_of)).alias(column.name)
        for column in table.decoded_columns
        if column.business_date_of
    )
    return values.hstack(_reason_lists(texts, values, sourced, table, source)).select(
        *(column.name for column in table.decoded_columns),
        SEQUENCE,
        IS_DELETE,
        *_LISTS,
        UNKNOWN_ATTRIBUTES,
        *([] if table.key else [TEXTS_HASH]),
        *(lines[name] for name in _CARRIED),
    )


def _texts_hash(texts: pl.DataFrame, columns: list[Column], table: Table) -> list[pl.Series]:
    """Of a table without a key, in which equal records are found by all that they say; null for unreadable ones."""
    if table.key:
        return []
    names = [column.name for column in columns]
    said = pl.when(pl.col(VERDICT).is_null()).then(pl.struct(names).hash())
    return [texts.select(said.alias(TEXTS_HASH)).to_series()]


def _reason_lists(
    texts: pl.DataFrame, values: pl.DataFrame, columns: list[Column], table: Table, source: Source
) -> list[pl.Series]:
    """`_reasons` and `_reason_columns`; only rows and columns that may have one are asked why."""
    asked = texts.with_columns(values.select(pl.all().name.prefix("_typed:")))
    is_odd = pl.any_horizontal(
        pl.col(VERDICT).is_not_null(), pl.col(f"_typed:{SEQUENCE}").is_null(), _is_outside_window(source)
    )
    suspects = asked.select(
        is_odd.alias("_record"),
        *(
            (suspect(column, pl.col(f"_typed:{column.name}")) & _is_asked(column, table)).alias(column.name)
            for column in columns
        ),
    )
    is_suspect = suspects.select(pl.any_horizontal(pl.all())).to_series()
    few = asked.filter(is_suspect)
    if few.is_empty():  # nobody need be asked
        return [spread(pl.Series(name, [], dtype=LIST), is_suspect) for name in _LISTS]
    columns = [column for column in columns if suspects[column.name].any()]
    of_record = (
        pl.concat_list(
            VERDICT,
            pl.when(_IS_READ & pl.col(f"_typed:{SEQUENCE}").is_null())
            .then(pl.lit(SEQUENCE_MALFORMED))
            .when(_IS_READ & _is_outside_window(source))
            .then(pl.lit(WRITE_TIME_OUTSIDE_WINDOW)),
        )
        .list.drop_nulls()
        .alias("_of_record")
    )
    found = few.select(
        of_record,
        *(pl.when(_is_asked(column, table)).then(reasons(few, column)).alias(column.name) for column in columns),
    )
    nothing = pl.lit(None, pl.String)  # where no column is asked
    of_column = [pl.when(pl.col(column.name).is_not_null()).then(pl.lit(column.name)) for column in columns]
    no_column = pl.col("_of_record").list.eval(pl.lit(None, pl.String))
    lists = found.select(
        pl.concat_list(
            pl.concat_list(nothing, *(column.name for column in columns)).list.drop_nulls(), "_of_record"
        ).alias(REASONS),
        pl.concat_list(pl.concat_list(nothing, *of_column).list.drop_nulls(), no_column).alias(REASON_COLUMNS),
    )
    return [spread(lists[name], is_suspect) for name in _LISTS]


def _is_asked(column: Column, table: Table) -> pl.Expr:
    """Whether the record must answer for the column: a delete only for its key, an unreadable one for nothing."""
    return _IS_READ if column.name in table.key else _IS_READ & ~pl.col(IS_DELETE)


def _sequence_micros(source: Source) -> pl.Expr:
    """When a change was written, or the moment as of which a full batch decides (rule R1)."""
    if source.has_moments:
        written = pl.col(SEQUENCE_TEXT).map_batches(_past_moments, return_dtype=MOMENT).dt.timestamp("us")
    else:
        digits = pl.col(SEQUENCE_TEXT)
        written = pl.when(digits.str.contains("^[0-9]{1,18}$")).then(digits).cast(pl.Int64)
    decided = decides_at(pl.col(EXPORT_TO_AT), source.uncertainty).dt.timestamp("us")
    return pl.when(_IS_READ).then(pl.when("_is_whole").then(decided).otherwise(written))


def _past_moments(text: pl.Series) -> pl.Series:
    """The moments that T1 allows; the end of the batch is for `write_time_outside_window` to compare with."""
    return timestamps(text, not_after=pl.Series([LATEST]))


def _is_outside_window(source: Source) -> pl.Expr:
    """Whether an incremental record was written further from its batch's window than clocks and replication explain.

    A unit or a clock that is wrong is off by far more than `write_time_slack_hours` (rule R1).
    """
    slack = timedelta(hours=source.write_time_slack_hours) // timedelta(microseconds=1)
    first, last = (pl.col(edge).dt.timestamp("us") for edge in (EXPORT_FROM_AT, EXPORT_TO_AT))
    return ~pl.col("_is_whole") & ~pl.col(f"_typed:{SEQUENCE}").is_between(first - slack, last + slack)
