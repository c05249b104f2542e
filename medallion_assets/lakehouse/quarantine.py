"""Quarantine: bad records, kept with their reasons, so that nothing is lost and all can be driven again (rules R4, C6).

Belongs here: the quarantine table of a table, appending to it exactly once, and what full exports hold there.
Does not: driving rows again (lakehouse.redrive).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import polars as pl

from medallion_assets.lakehouse.commits import until_committed
from medallion_assets.lakehouse.contracts import Column, Integer, Table, Text, TextList, TimestampUtc
from medallion_assets.lakehouse.decode import decode
from medallion_assets.lakehouse.delta import Lakehouse
from medallion_assets.lakehouse.raw_exports import FULL, RawExport
from medallion_assets.lakehouse.schema import polars_schema


def quarantine_table(table: Table) -> Table:
    """The contract of the table that keeps a table's bad records."""
    return Table(
        name=f"quarantine.{table.short_name}",
        description=f"Records of {table.name} that are not valid, with every reason.",
        columns=(
            Column("reasons", TextList(), "every reason code of rules T1 to T4 and R3"),
            Column("reason_columns", TextList(), "the column of each reason; null where the whole record is meant"),
            Column("raw", Text(), "the line, unchanged"),
            Column("_export_id", Text(), "the export that brought the line"),
            Column("_source_file", Text(), "the data file"),
            Column("_line_number", Integer(), "the line in that file, from 1"),
            Column("failed_at", TimestampUtc(), "when it was judged"),
            Column("redriven_at", TimestampUtc(), "when it was driven again with success", nullable=True),
        ),
    )


def quarantine(
    lakehouse: Lakehouse, table: Table, bad: pl.LazyFrame, export_ids: Collection[str], *, now: datetime
) -> int | None:
    """Append the bad records of exports that are not there yet, one commit; give the version, None if all were in.

    `bad` holds judged records (`_reasons`, `_reason_columns`, `raw`, position) of at least these exports.
    """
    contract = quarantine_table(table)

    def append() -> int | None:
        snapshot = lakehouse.open(contract)
        new = [export_id for export_id in export_ids if snapshot.transaction(export_id) is None]
        rows = bad.filter(pl.col("_export_id").is_in(new)).select(
            pl.col("_reasons").alias("reasons"),
            pl.col("_reason_columns").alias("reason_columns"),
            "raw",
            "_export_id",
            "_source_file",
            "_line_number",
            pl.lit(now).cast(pl.Datetime("us", "UTC")).alias("failed_at"),
            pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("redriven_at"),
        )
        if not new or not rows.head(1).collect().height:
            return None
        return snapshot.commit([snapshot.stage(rows)], transactions=dict.fromkeys(new, 1))

    return until_committed(append)


def bad_keys(lakehouse: Lakehouse, table: Table, fulls: Iterable[RawExport]) -> pl.DataFrame:
    """The keys whose record was bad in full exports: key columns and `_export_id` (rule K1: these stay untouched)."""
    exports = {export.export_id: export for export in fulls}
    names = [*table.key, "_export_id"]
    schema = {name: kind for name, kind in polars_schema(table).items() if name in table.key}
    empty = pl.DataFrame(schema={**schema, "_export_id": pl.String})
    contract = quarantine_table(table)
    if not exports or not lakehouse.exists(contract):
        return empty
    rows = lakehouse.open(contract).scan().filter(pl.col("_export_id").is_in(list(exports))).collect()
    if not rows.height:
        return empty
    return decode(with_window(rows, exports.values()), table).select(names).drop_nulls().unique()


def with_window(rows: pl.DataFrame, exports: Iterable[RawExport]) -> pl.DataFrame:
    """Give quarantined rows the columns that decoding asks for: the type and window of their export."""
    facts = pl.DataFrame(
        [(export.export_id, export.export_type, export.from_at, export.to_at) for export in exports],
        schema={
            "_export_id": pl.String,
            "_export_type": pl.Enum([FULL, "INCREMENTAL_EXPORT"]),
            "_export_from_at": pl.Datetime("us", "UTC"),
            "_export_to_at": pl.Datetime("us", "UTC"),
        },
        orient="row",
    ).with_columns(pl.col("_export_type").cast(pl.String))
    return rows.join(facts, on="_export_id", how="inner", maintain_order="left")
