"""Columns: the lines of exports as texts, one column for each attribute of the contract.

Belongs here: which records an export of a type can hold.
Does not: taking lines apart, or typing their texts.
"""

from __future__ import annotations

import polars as pl

from medallion_assets.contracts.columns import EXPORT_TYPE, IS_DELETE, RAW, SEQUENCE_TEXT, UNKNOWN_ATTRIBUTES, VERDICT
from medallion_assets.contracts.expectations import UNKNOWN_RECORD
from medallion_assets.contracts.source import wrong
from medallion_assets.contracts.table import Table
from medallion_assets.sources.dynamodb_export.lines import AttributeReader
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.record import IS_FULL, attributes_of


class ExportLines:
    """Reads lines of exports for one contract (`contracts.source.LineReader`)."""

    def __init__(self, table: Table) -> None:
        self._attributes = attributes_of(table)
        self._reader = AttributeReader(self._attributes)

    def read(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row a line.

        An item in an incremental export, or a change in a full one, is no record of that export: nothing is read of it.
        It has no place in the order: a change has no write time that a full export could vouch for, an item none.
        """
        texts = self._reader.read(lines[RAW])
        is_full = lines[EXPORT_TYPE] == ExportType.FULL.value
        is_wrong = texts[VERDICT].is_null() & (texts[IS_FULL] != is_full)
        texts = texts.drop(IS_FULL)
        if not is_wrong.any():
            return texts
        other = pl.lit(is_wrong)
        nothing = {
            VERDICT: pl.lit(UNKNOWN_RECORD),
            IS_DELETE: pl.lit(value=False),
            SEQUENCE_TEXT: pl.lit(None, dtype=pl.String),
            UNKNOWN_ATTRIBUTES: pl.lit([], dtype=pl.List(pl.String)),
            **{attribute.column: pl.lit(None, dtype=pl.String) for attribute in self._attributes},
            **{wrong(attribute.column): pl.lit(value=False) for attribute in self._attributes},
        }
        return texts.with_columns(
            pl.when(other).then(value).otherwise(pl.col(name)).alias(name) for name, value in nothing.items()
        )
