"""Expectation results: what judging found in each batch, rule by rule.

Belongs here: the `operations.expectation_results` table.
Does not: judging, or what counts as far above the usual (operations).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

import polars as pl

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.row_tables.rows import append_rows, row_table, scan_rows
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors.long_texts import largest_first
from medallion_assets.operations.tables.pipeline_runs import DAYS_AT_ONCE
from medallion_assets.refining.judging.gate import MASS_DELETE, Counts, rules_of

TYPE = "type"
"""The kind of a reason that no expectation of the contract has: a value that does not fit its column."""
GATE = "gate"
"""The kind of a rule of whole batches (rules C3, C7): it is no matter of single records."""
UNKNOWN, ABSENT = "unknown attribute", "absent attribute"
"""The kinds of rows that judge no record: an attribute that the contract lacks, and one of it that no record had."""
OF_NO_RECORD = (GATE, UNKNOWN, ABSENT)
MOST_ATTRIBUTES = 100
"""So many attributes that the contract lacks have a row, the most frequent: items may have one for each user."""
QUALITY = "quality_threshold"
"""The name of rule C3 in checks and results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """What judging a batch by one rule found."""

    run_id: Annotated[str, "the Dagster run that judged it"]
    table_name: Annotated[str, "layer.table"]
    export_id: Annotated[str, "the batch"]
    expectation: Annotated[str, "the rule, or the reason code of a type; or an attribute"]
    kind: Annotated[str, "expect, expect_or_drop, expect_or_fail, type, gate, unknown or absent attribute"]
    passed: Annotated[int, "records that kept it; mass_delete: rows that the batch leaves"]
    failed: Annotated[int, "records that broke it; mass_delete: rows that it deletes by absence"]
    is_published: Annotated[bool, "false when the batch failed the gate in that run"]
    rules: Annotated[str | None, "names the rules that it was judged by; null: not known"] = None
    judged_at: Annotated[datetime, "when"]


EXPECTATION_RESULTS = row_table(
    ExpectationResult,
    name="operations.expectation_results",
    description="How many records of a batch kept each rule, and how many broke it, every time it was judged.",
    key=("run_id", "table_name", "export_id", "expectation"),
    partition_by="judged_date",
    day_of="judged_at",
)


def results_of(
    loaded: Loaded, counted: Counts, *, is_published: bool, run_id: str, now: datetime
) -> Iterator[ExpectationResult]:
    """A row for every rule of the contract and every other reason that was found.

    So do the batch's own score (rule C3), what a full batch deletes by absence (rule C7), and attributes: those that
    some records (`failed`) had and the contract lacks, and those of the contract that no good record had.
    """
    table = loaded.table
    kinds = {rule.name: str(rule.action) for rule in table.expectations}
    failed = {**counted.reasons, **counted.warnings, **counted.failures}
    figures = {name: (kinds.get(name, TYPE), counted.records, failed.get(name, 0)) for name in {*kinds, *failed}}
    figures[QUALITY] = (GATE, counted.records, counted.bad)
    if counted.absent:
        figures[MASS_DELETE] = (GATE, counted.live, counted.absent)
    for name, kind, count in _attributes(loaded, counted):
        figures.setdefault(name, (kind, counted.records, count))
    rules = rules_of(loaded)
    for name, (kind, of, count) in sorted(figures.items()):
        yield ExpectationResult(
            run_id=run_id,
            table_name=table.name,
            export_id=counted.export_id,
            expectation=name,
            kind=kind,
            passed=of - count,
            failed=count,
            is_published=is_published,
            rules=rules,
            judged_at=now,
        )


def _attributes(loaded: Loaded, counted: Counts) -> Iterator[tuple[str, str, int]]:
    """The attributes that a batch has too many or too few of, with kind and number of records."""
    for name, count in largest_first(counted.unknown_attributes)[:MOST_ATTRIBUTES]:
        yield name, UNKNOWN, count
    if (items := counted.records - counted.deletes - counted.bad) > 0:
        for column in loaded.table.columns:
            if column.source is not None and column.name not in counted.filled:
                yield column.source, ABSENT, items


def record_results(lakehouse: Lakehouse, results: Iterable[ExpectationResult]) -> None:
    """Append what a run judged, in one commit."""
    append_rows(lakehouse, EXPECTATION_RESULTS, results)


def read_results(lakehouse: Lakehouse, *, since: date | None = None) -> pl.DataFrame:
    """The results of `since` (UTC) or later, or all of them, oldest first; the columns of EXPECTATION_RESULTS."""
    results = scan_rows(lakehouse, EXPECTATION_RESULTS, since=since)
    return results.sort("judged_at", "export_id", "expectation").collect()


def read_last_batches(
    lakehouse: Lakehouse, batches: int, *, since: date, first: date, at_once: int = DAYS_AT_ONCE
) -> pl.DataFrame:
    """The results of `since` (UTC) or later, as `read_results`, with what tables that were judged then had before.

    Of these as many days before, from the newest back, as each needs for so many batches that have a score; none before
    `first`.
    """
    snapshot = lakehouse.find(EXPECTATION_RESULTS)
    found = read_results(lakehouse, since=since)
    before = [] if snapshot is None else [day for day in snapshot.days if first <= day < since]
    parts, judged = [found], set(found["table_name"].drop_nulls())
    while before and snapshot is not None:
        scored = pl.concat(parts).filter(expectation=QUALITY).group_by("table_name").agg(pl.col("export_id").n_unique())
        short = judged - set(scored.filter(pl.col("export_id") >= batches)["table_name"])
        if not short:
            break
        days, before = before[-at_once:], before[:-at_once]
        parts.append(snapshot.scan(partitions=days).filter(pl.col("table_name").is_in(sorted(short))).collect())
    return pl.concat(parts).sort("judged_at", "export_id", "expectation")
