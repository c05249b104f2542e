"""Records: what the sources of files and of an API share: what columns beside the values say of a record (rule F3).

Belongs here: the flag and the sequence, one row a record for whoever types it, how a record names its file and that
    file's columns, and records that are JSON whose values are texts.
Does not: taking a record's text apart in any other format.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import polars as pl

from medallion_assets.contracts.columns import IS_DELETE, RAW, SEQUENCE_TEXT, SOURCE_FILE, UNKNOWN_ATTRIBUTES, VERDICT
from medallion_assets.contracts.reasons import listed
from medallion_assets.contracts.source import wrong
from medallion_assets.contracts.table import Table
from medallion_assets.contracts.texts import FALSE, TRUE, truths

FLAG_MALFORMED = "flag_malformed"
DELETED = (*TRUE, "d")
KEPT = (*FALSE, "u", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordColumns:
    """The columns of a table's files beside those of its contract."""

    sequence: str | None = None
    delete_flag: str | None = None


def source_file(key: str, columns: Sequence[str]) -> str:
    """How a record names its file: with the columns that the file has, in its order, for a record does not say them."""
    escaped = (name.replace("%", "%25").replace(",", "%2C").replace("#", "%23") for name in columns)
    return f"{key}#{','.join(escaped)}"


def columns_of(source: str) -> tuple[str, ...]:
    """The columns of a file that `source_file` named."""
    return tuple(map(unquote, source.rpartition("#")[2].split(",")))


def json_text(text: str) -> str:
    """A text as JSON spells it."""
    return json.dumps(text, ensure_ascii=False)


def line_rows(texts: pl.DataFrame, verdicts: pl.Series, table: Table, columns: RecordColumns) -> pl.DataFrame:
    """What a `LineReader` gives, of records whose fields are `texts`, by their names (null: absent).

    `verdicts` says which of them could not be taken apart.
    """
    verdict, is_delete = _flags(texts, verdicts, columns.delete_flag)
    sourced = [column for column in table.decoded_columns if column.source is not None]
    known = {*(str(column.source) for column in sourced), columns.sequence, columns.delete_flag}
    unknown = sorted(set(texts.columns) - known)
    is_read = verdicts.is_null()
    nothing = pl.repeat(None, texts.height, dtype=pl.String, eager=True)

    def text_of(name: str | None) -> pl.Series:
        return texts.get_column(name) if name is not None and name in texts.columns else nothing

    rows = {
        VERDICT: verdict,
        IS_DELETE: is_delete,
        SEQUENCE_TEXT: text_of(columns.sequence),
        UNKNOWN_ATTRIBUTES: _present(texts, unknown),
    }
    never = pl.repeat(value=False, n=texts.height, dtype=pl.Boolean, eager=True)
    for column in sourced:
        kept = is_read if column.name in table.key else is_read & ~is_delete
        value = text_of(column.source)
        rows[column.name] = value if kept.all() else value.zip_with(kept, nothing)
        rows[wrong(column.name)] = never
    return pl.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Reads records that are JSON whose values are texts, for one contract (`contracts.source.LineReader`)."""

    table: Table
    columns: RecordColumns

    def read(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row a record, in order."""
        sources = lines[SOURCE_FILE].unique(maintain_order=True)
        names = sorted({name for source in sources for name in columns_of(source)})
        schema = pl.Struct(dict.fromkeys(names, pl.String))
        texts = lines[RAW].str.json_decode(schema).struct.unnest() if names else pl.DataFrame()
        verdicts = pl.repeat(None, lines.height, dtype=pl.String, eager=True)
        return line_rows(texts, verdicts, self.table, self.columns)


def _flags(texts: pl.DataFrame, verdicts: pl.Series, flag: str | None) -> tuple[pl.Series, pl.Series]:
    """The verdicts with those of flags, and which records are deletes; where a file lacks the flag, none is."""
    never = pl.repeat(value=False, n=texts.height, dtype=pl.Boolean, eager=True)
    if flag is None or flag not in texts.columns:
        return verdicts, never
    said = truths(texts.get_column(flag).fill_null(""), true=DELETED, false=KEPT)
    is_read = verdicts.is_null()
    is_delete = said.fill_null(value=False) & is_read
    is_odd = said.is_null() & is_read
    odd = pl.repeat(FLAG_MALFORMED, texts.height, dtype=pl.String, eager=True)
    return odd.zip_with(is_odd, verdicts), is_delete


def _present(texts: pl.DataFrame, names: list[str]) -> pl.Series:
    """Which of some columns each record has a text in, as lists."""
    return listed(texts.select(pl.col(names).is_not_null()) if names else pl.DataFrame(), names, height=texts.height)
