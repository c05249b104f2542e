"""Verdicts that Bronze remembers: exports that were refused, and what their listing was then (rule B2).

Belongs here: the `operations.export_verdicts` table, so that an export that cannot be loaded is read again only when
it has changed, and a person finds every refusal in one place.
Does not: making the verdict (a source, refining.owner); noticing a change (refining.refusals).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime

import polars as pl

from medallion_assets.contracts.table import Column, Table, Text, TimestampUtc
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse

EXPORT_VERDICTS = Table(
    name="operations.export_verdicts",
    description="Exports that were refused: which, why, and what to do.",
    columns=(
        Column("table_name", Text(), "the table whose folder the export lies in"),
        Column("export_id", Text(), "the export"),
        Column("prefix", Text(), "under which prefix of its place it lies"),
        Column("verdict", Text(), "the name of what is wrong"),
        Column("message", Text(), "what, where, expected, found, what to do"),
        Column("fingerprint", Text(), "of its listing, and of the file at fault, when it was judged"),
        Column("judged_at", TimestampUtc(), "when it was judged"),
        Column("file", Text(trim=False), "the file at fault, where the listing does not show a change", nullable=True),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedExport:
    """One refusal; the columns of EXPORT_VERDICTS."""

    table_name: str
    export_id: str
    prefix: str
    verdict: str
    message: str
    fingerprint: str
    judged_at: datetime
    file: str | None = None

    def says_the_same(self, other: RefusedExport | None) -> bool:
        """Whether another refusal told of the same files the same thing."""
        return other is not None and replace(other, judged_at=self.judged_at) == self


def read_refusals(lakehouse: Lakehouse, table_name: str) -> dict[tuple[str, str], RefusedExport]:
    """The latest refusal of each (export id, prefix) of a table."""
    if not lakehouse.exists(EXPORT_VERDICTS):
        return {}
    rows = lakehouse.open(EXPORT_VERDICTS).scan().filter(pl.col("table_name") == table_name).sort("judged_at")
    refusals = (RefusedExport(**row) for row in rows.collect().iter_rows(named=True))
    return {(refusal.export_id, refusal.prefix): refusal for refusal in refusals}


def record_refusals(lakehouse: Lakehouse, refusals: list[RefusedExport]) -> None:
    """Append refusals in one commit."""
    if not refusals:
        return
    rows = pl.DataFrame([asdict(refusal) for refusal in refusals], schema=polars_schema(EXPORT_VERDICTS))

    def record() -> None:
        snapshot = lakehouse.ready(EXPORT_VERDICTS)
        snapshot.commit([snapshot.stage(rows.lazy())])

    until_committed(record)
