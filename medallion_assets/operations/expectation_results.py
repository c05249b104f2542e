"""Expectation results: what judging found in each export, rule by rule.

Belongs here: the `operations.expectation_results` table.
Does not: judging (refining.judging), or what counts as far above the usual (operations).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

import polars as pl

from medallion_assets.contracts.table import Boolean, Column, Date, Integer, Table, Text, TimestampUtc
from medallion_assets.delta.appending import append_rows
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.gate import MASS_DELETE, Tally, rules_of

EXPECTATION_RESULTS = Table(
    name="operations.expectation_results",
    description="How many records of an export kept each rule, and how many broke it, every time it was judged.",
    key=("run_id", "table_name", "export_id", "expectation"),
    partition_by="judged_date",
    columns=(
        Column("run_id", Text(), "the Dagster run that judged it"),
        Column("table_name", Text(), "layer.table"),
        Column("export_id", Text(), "the export"),
        Column("expectation", Text(), "the rule, or the reason code of a type"),
        Column("kind", Text(), "expect, expect_or_drop, expect_or_fail, type, or gate"),
        Column("passed", Integer(), "records that kept it; mass_delete: rows that the export leaves"),
        Column("failed", Integer(), "records that broke it; mass_delete: rows that it deletes by absence"),
        Column("is_published", Boolean(), "false when the export failed the gate in that run"),
        Column("rules", Text(), "names the rules that it was judged by; null: not known", nullable=True),
        Column("judged_at", TimestampUtc(), "when"),
        Column("judged_date", Date(), "UTC day of judged_at"),
    ),
)
TYPE = "type"
"""The kind of a reason that no expectation of the contract has: a value that does not fit its column."""
GATE = "gate"
"""The kind of a rule of whole exports (rule C7): it counts rows of the table, not records."""


def results_of(table: Table, tally: Tally, *, is_published: bool) -> Iterator[dict[str, Any]]:
    """A row for every rule of the contract and every other reason that was found; the run and time are not in it.

    What a full export deletes by absence (rule C7) has one as well.
    """
    kinds = {one.name: str(one.action) for one in table.expectations}
    failed = {**tally.reasons, **tally.warnings, **tally.failures}
    counted = {name: (kinds.get(name, TYPE), tally.records, failed.get(name, 0)) for name in {*kinds, *failed}}
    if tally.absent:
        counted[MASS_DELETE] = (GATE, tally.live, tally.absent)
    rules = rules_of(table)
    for name, (kind, of, count) in sorted(counted.items()):
        yield {
            "table_name": table.name,
            "export_id": tally.export_id,
            "expectation": name,
            "kind": kind,
            "passed": of - count,
            "failed": count,
            "is_published": is_published,
            "rules": rules,
        }


def record_results(lakehouse: Lakehouse, results: Iterable[dict[str, Any]], *, run_id: str, now: datetime) -> None:
    """Append what a run judged, in one commit."""
    rows = [{**row, "run_id": run_id, "judged_at": now, "judged_date": now.date()} for row in results]
    append_rows(lakehouse, EXPECTATION_RESULTS, rows, day=now.date())


def read_results(lakehouse: Lakehouse, *, since: date | None = None) -> pl.DataFrame:
    """The results of `since` (UTC) or later, or all of them, oldest first; the columns of EXPECTATION_RESULTS."""
    if not lakehouse.exists(EXPECTATION_RESULTS):
        return pl.DataFrame(schema=polars_schema(EXPECTATION_RESULTS))
    snapshot = lakehouse.open(EXPECTATION_RESULTS)
    days = [day for day in snapshot.partitions if since is None or (day is not None and day >= since)]
    return snapshot.scan(partitions=days).sort("judged_at", "export_id", "expectation").collect()
