"""CSV lines: the records of CSV files as texts, one column for each source of the contract.

Belongs here: fields by the names of their file's columns, and what cannot be taken apart.
Does not: the grammar, or flags and sequences.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from medallion_assets.contracts.columns import RAW, SOURCE_FILE
from medallion_assets.contracts.expectations import UNKNOWN_RECORD, WRONG_COLUMN_COUNT
from medallion_assets.contracts.table import Table
from medallion_assets.sources.files.csv_fields import Fields
from medallion_assets.sources.records import (
    RecordColumns,
    columns_of,
    line_rows,
)


@dataclass(frozen=True, slots=True)
class CsvLines:
    """Reads records for one contract (`contracts.source.LineReader`)."""

    table: Table
    fields: Fields
    columns: RecordColumns

    def read(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row a record, in order; each by the header of its own file."""
        sources = lines[SOURCE_FILE].unique(maintain_order=True)
        if sources.len() <= 1:
            return self._read(lines, columns_of(sources[0]) if sources.len() else ())
        numbered = lines.with_row_index("_row")
        parts = [
            self._read(part, columns_of(str(source))).with_columns(part["_row"])
            for (source,), part in numbered.partition_by(SOURCE_FILE, as_dict=True).items()
        ]
        return pl.concat(parts).sort("_row").drop("_row")

    def _read(self, lines: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
        records = lines[RAW].fill_null("")
        verdicts = self._verdicts(records, len(names))
        texts = self.fields.columns(records, len(names)) if names else pl.DataFrame()
        texts.columns = list(names)
        texts = texts.select(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in names)
        return line_rows(texts, verdicts, self.table, self.columns)

    def _verdicts(self, records: pl.Series, count: int) -> pl.Series:
        """What cannot be taken apart; only records that are not simply so many fields are looked at closely."""
        has_quotes = records.str.contains('"', literal=True)
        odd = has_quotes
        if has_quotes.any():
            odd = has_quotes.clone().scatter(
                has_quotes.arg_true(), ~self.fields.is_strict(records.filter(has_quotes), count)
            )
        few = records.filter(odd)
        counts = records.str.count_matches(self.fields.delimiter, literal=True) + 1
        is_other = (counts != count) & ~has_quotes
        verdicts = pl.select(pl.when(is_other).then(pl.lit(WRONG_COLUMN_COUNT))).to_series()
        if not few.len():
            return verdicts
        why = pl.select(
            pl.when(self.fields.counts(few) != count)
            .then(pl.lit(WRONG_COLUMN_COUNT))
            .when(self.fields.is_malformed(few))
            .then(pl.lit(UNKNOWN_RECORD))
        ).to_series()
        return verdicts.scatter(odd.arg_true(), why)
