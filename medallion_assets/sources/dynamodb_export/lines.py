"""Many lines at once: raw DynamoDB JSON becomes one column of text for each attribute of the contract.

Belongs here: which reader is tried on which lines: templates, items in any order, then `json_decode`, so that a
malformed line costs the others only time, and the exact reader for every line whose row is not proved.
Does not: what a single record means, or what a value means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import polars as pl

from medallion_assets.contracts.columns import IS_DELETE, SEQUENCE_TEXT, UNKNOWN_ATTRIBUTES, VERDICT
from medallion_assets.contracts.expectations import MALFORMED_JSON
from medallion_assets.contracts.reasons import listed
from medallion_assets.contracts.source import wrong
from medallion_assets.engines.pieces import pieces, rows_of_bytes
from medallion_assets.sources.dynamodb_export.any_order import AnyOrder
from medallion_assets.sources.dynamodb_export.record import IS_FULL, Attribute, RecordReader, unknown_names
from medallion_assets.sources.dynamodb_export.shapes import SHAPES, RecordForm, with_plain_names
from medallion_assets.sources.dynamodb_export.templates import Templates
from medallion_assets.storage.sizes import MEBIBYTE

CHUNK_LINES = 4096
DECODED_BYTES = 4 * MEBIBYTE
"""Lines decoded together: beyond some thousands `json_decode` outgrows the CPU's caches and takes twice the time."""
LEAF_LINES = 64
"""When a chunk fails, this many lines around each cause go to the exact reader."""
FEW_LINES = 100
"""So many lines the exact reader reads in less time than it takes to set up the decoder."""
EXACT_LINES = 16_384
EXACT_BYTES = 4 * MEBIBYTE
"""Lines that are Python objects at a time: these take ten times the room."""
FEW_TO_LEARN_FROM = 500
FEW_BYTES = 256 * 1024
"""So many lines, or bytes, are read in less time than it takes to learn how they are written, and they teach little."""
SAMPLED_LINES = 200
SAMPLED_BYTES = 4 * MEBIBYTE
SEED = 1
"""The sample is taken at random, since a file may have a period, and is the same each time."""
MOST_NAMES_LOOKED_FOR = 60
"""How many names beyond the contract the fast path looks for: names that are data themselves must not be its schema."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How lines are written, as far as a sample tells. It decides how fast lines are read, never what they say.

    `unknown` are names that the sample has and the contract lacks.
    """

    templates: Templates
    any_order: AnyOrder
    unknown: Sequence[str]

    @classmethod
    def learnt(cls, lines: pl.Series, attributes: Sequence[Attribute]) -> Self:
        """That of a sample of `lines`."""
        count = rows_of_bytes(lines, SAMPLED_BYTES, most=SAMPLED_LINES)
        texts = lines.drop_nulls()
        some = texts.sample(min(count, texts.len()), seed=SEED)
        templates = Templates.learnt(some.to_list(), attributes)
        _, left = templates.read(_numbered(some))
        return cls(
            templates=templates,
            any_order=AnyOrder.learnt(left["_line"].to_list(), attributes),
            unknown=sorted(unknown_names(some, attributes))[:MOST_NAMES_LOOKED_FOR],
        )

    def read(self, rows: pl.DataFrame, *, few: int) -> tuple[list[pl.DataFrame], pl.DataFrame]:
        """What `rows` (`_row`, `_line`) say that are written so, and the other rows; so `few` are not worth a try."""
        parts, rows = self.templates.read(rows)
        if rows.height > few:
            items, rows = self.any_order.read(rows)
            parts += items
        return parts, rows


class AttributeReader:
    """Reads lines for one contract; several threads may call `read`.

    It learns from the lines how they are written, and again from many that are written otherwise; it keeps what reads
    most. Where that does not help with so `few` lines or fewer, these are read one by one.
    """

    def __init__(self, attributes: Sequence[Attribute], *, few: int = FEW_LINES) -> None:
        self._spelling: Spelling | None = None
        self._attributes = attributes
        self._exact = RecordReader(attributes)
        self._few = few

    def read(self, lines: pl.Series) -> pl.DataFrame:
        """One row a line, in order.

        Columns: `_verdict`, `_is_full`, `_is_delete`, `_sequence` (text), `_unknown_attributes` (lists), and for
        each attribute its column as text (null: missing or NULL) and `wrong(column)`.
        """
        known = self._spelling
        spelling = known or Spelling.learnt(lines, self._attributes)
        parts, rows = spelling.read(_numbered(lines), few=self._few)
        usual = spelling
        if known is not None and _are_many(rows["_line"]):
            left, spelling = rows.height, Spelling.learnt(rows["_line"], self._attributes)
            others, rows = spelling.read(rows, few=self._few)
            parts += others
            usual = spelling if left - rows.height > lines.len() - left else known
        if _are_many(lines):
            self._spelling = usual
        for shape in SHAPES if rows.height > self._few else ():
            has_shape = rows.select(shape.lines).to_series()
            if has_shape.any():
                parts += self._read_fast(rows.filter(has_shape), shape, spelling.unknown)
                rows = rows.filter(~has_shape)
        parts.append(self._read_exactly(rows))
        filled = [part for part in parts if part.height] or parts[:1]
        return (filled[0] if len(filled) == 1 else _in_order(pl.concat(filled))).drop("_row")

    def _read_fast(self, rows: pl.DataFrame, shape: RecordForm, unknown: Sequence[str]) -> list[pl.DataFrame]:
        pieces = list(_decode(rows["_line"], shape.schema(self._attributes, unknown), CHUNK_LINES))
        is_decoded = pl.concat([pl.repeat(records is not None, height, eager=True) for height, records in pieces])
        if not is_decoded.any():
            return [self._read_exactly(rows)]
        number = [pl.repeat(n, height, dtype=pl.UInt32, eager=True) for n, (height, _) in enumerate(pieces)]
        decodable = pl.concat([records for _, records in pieces if records is not None])
        records = with_plain_names(decodable.alias("_record"))
        decoded = rows.with_columns(pl.concat(number).alias("_piece")).filter(is_decoded).with_columns(records)
        trusted = self._proved(decoded, shape, unknown)
        parts = [self._read_exactly(rows.filter(~is_decoded)), self._read_exactly(decoded.filter(~trusted))]
        # A decoded piece with a line that is not JSON: its rows may have moved against its lines.
        malformed = parts[1].filter(pl.col(VERDICT) == MALFORMED_JSON)["_row"]
        moved = decoded["_piece"].is_in(decoded.filter(pl.col("_row").is_in(malformed.implode()))["_piece"].implode())
        if malformed.len():
            parts.append(self._read_exactly(decoded.filter(trusted & moved)))
            trusted &= ~moved
        return [*parts, self._columns(decoded.filter(trusted), shape, unknown)]

    def _proved(self, decoded: pl.DataFrame, shape: RecordForm, unknown: Sequence[str]) -> pl.Series:
        """Which rows say what their lines say."""
        proved = decoded.with_columns(shape.accounts_for_every_byte(self._attributes).alias("_proved"))["_proved"]
        open_rows = (~proved).arg_true()
        if open_rows.len():
            by_name = shape.accounts_for_every_name(self._attributes, unknown)
            proved = proved.scatter(open_rows, decoded.filter(~proved).select(by_name).to_series())
        return proved

    def _columns(self, decoded: pl.DataFrame, shape: RecordForm, unknown: Sequence[str]) -> pl.DataFrame:
        present = decoded.select(shape.present(unknown))
        return decoded.select(
            "_row",
            pl.lit(None, pl.String).alias(VERDICT),
            pl.lit(shape.is_full).alias(IS_FULL),
            shape.is_delete.alias(IS_DELETE),
            shape.sequence.alias(SEQUENCE_TEXT),
            listed(present, list(unknown), height=decoded.height).alias(UNKNOWN_ATTRIBUTES),
            *shape.columns(self._attributes),
        )

    def _read_exactly(self, rows: pl.DataFrame) -> pl.DataFrame:
        cuts = pieces(rows["_line"], rows=EXACT_LINES, size=EXACT_BYTES)
        return pl.concat([self._read_piece(rows.clear()), *(self._read_piece(rows.slice(*cut)) for cut in cuts)])

    def _read_piece(self, rows: pl.DataFrame) -> pl.DataFrame:
        records = [self._exact.read(line) for line in rows["_line"]]
        verdicts, full, deletes, sequences, unknown, values, wrongs = (
            zip(*records, strict=True) if records else ((),) * 7
        )
        columns = {
            "_row": rows["_row"],
            VERDICT: pl.Series(verdicts, dtype=pl.String),
            IS_FULL: pl.Series(full, dtype=pl.Boolean),
            IS_DELETE: pl.Series(deletes, dtype=pl.Boolean),
            SEQUENCE_TEXT: pl.Series(sequences, dtype=pl.String),
            UNKNOWN_ATTRIBUTES: pl.Series(unknown, dtype=pl.List(pl.String)),
        }
        for n, attribute in enumerate(self._attributes):
            columns[attribute.column] = pl.Series([value[n] for value in values], dtype=pl.String)
            columns[wrong(attribute.column)] = pl.Series([is_wrong[n] for is_wrong in wrongs], dtype=pl.Boolean)
        return pl.DataFrame(columns)


def _are_many(lines: pl.Series) -> bool:
    return lines.len() > rows_of_bytes(lines, FEW_BYTES, most=FEW_TO_LEARN_FROM)


def _numbered(lines: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"_line": lines.fill_null("")}).with_row_index("_row")


def _in_order(read: pl.DataFrame) -> pl.DataFrame:
    """The rows by `_row`; most columns say nothing, and stay as they are."""
    order = read["_row"].arg_sort()
    return pl.DataFrame([column if _says_nothing(column) else column.rechunk()[order] for column in read])


def _says_nothing(column: pl.Series) -> bool:
    if column.dtype == pl.Boolean:
        return not (column.has_nulls() or column.any())
    if isinstance(column.dtype, pl.List):
        return not (column.has_nulls() or (column.list.len() > 0).any())
    return column.null_count() == column.len()


def _decode(lines: pl.Series, schema: pl.Struct, size: int) -> Iterator[tuple[int, pl.Series | None]]:
    """The records of successive pieces of `lines`: (height, records), or (height, None) where a line prevents it."""
    for start, height in pieces(lines, rows=size, size=DECODED_BYTES):
        chunk = lines.slice(start, height)
        try:
            records = chunk.str.json_decode(schema)
        except pl.exceptions.ComputeError:
            records = None
        if records is not None and records.len() == chunk.len():
            yield chunk.len(), records
        elif size > LEAF_LINES:
            yield from _decode(chunk, schema, LEAF_LINES)
        else:
            yield chunk.len(), None
