"""Drift: attributes of items that no contract knows, that vanished, or that a column means by another name.

Belongs here: which of them are reported, and the words of their alerts.
Does not: counting them in batches (refining), or the check of a run.

One alert an attribute or column, and one for all attributes that are beyond MOST_ALERTS of a table. An attribute counts
as vanished when it stood in every batch before and is in no record of the newest one; batches with few records say
nothing, as an attribute may be rare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.errors.counted import number_of
from medallion_assets.operations.alerts.facts import FEWEST_BATCHES, AlertFacts
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.expectation_results import ABSENT, QUALITY, UNKNOWN
from medallion_assets.refining.judging.gate import LEAST_UPSERTS
from medallion_assets.refining.judging.unfilled_columns import meant_attributes

FEWEST_RECORDS = 10
MOST_ALERTS = 10
"""Items may have an attribute for each of their users: people get an alert for so many."""


def schema_drift(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """An attribute appeared, or vanished, or a column means one by another name."""
    for loaded in facts.catalog.loaded:
        is_own = pl.col("table_name") == loaded.table.name
        recent = facts.recent_results(now).filter(is_own)
        yield from _appeared(loaded, recent)
        yield from _vanished(loaded, facts.results.filter(is_own))
        yield from _unfilled(loaded, recent)


def _appeared(loaded: Loaded, results: pl.DataFrame) -> Iterator[Alert]:
    table, word = loaded.table, loaded.source.batch_word
    known = {column.source for column in table.columns} | set(table.left_out)
    found = results.filter(pl.col("kind") == UNKNOWN, ~pl.col("expectation").is_in(list(known - {None})))
    new = found.unique("expectation", keep="first", maintain_order=True)
    for row in new.head(MOST_ALERTS).iter_rows(named=True):
        name, records = row["expectation"], row["passed"] + row["failed"]
        yield _drift(
            loaded,
            row,
            f"appeared/{name}",
            what=f"{table.name}: records have an attribute {name} that the contract lacks, {row['failed']:,} of "
            f"{records:,} in one {word}",
            do=f"add a column for it to the contract of {table.name}, or name it in left_out; Bronze keeps it",
        )
    if new.height > MOST_ALERTS:
        row = new.row(MOST_ALERTS, named=True)
        yield _drift(
            loaded,
            row,
            "appeared",
            what=f"{table.name}: records have at least {new.height - MOST_ALERTS} more attributes that the contract "
            f"lacks, such as {row['expectation']}",
            do=f"see who writes them, as their names may be data; name in left_out of {table.name} what is to stay "
            "out; Bronze keeps all of it",
        )


def _vanished(loaded: Loaded, results: pl.DataFrame) -> Iterator[Alert]:
    table, word = loaded.table, loaded.source.batch_word
    is_score = pl.col("expectation") == QUALITY
    last = results.unique(["export_id", "expectation"], keep="last", maintain_order=True)
    large = last.filter(is_score, pl.col("passed") >= FEWEST_RECORDS)["export_id"].to_list()
    if len(large) <= FEWEST_BATCHES:
        return
    absent = last.filter(pl.col("kind") == ABSENT, pl.col("export_id").is_in(large))
    newest = absent.filter(pl.col("export_id") == large[-1])
    for row in newest.iter_rows(named=True):
        name = row["expectation"]
        without = set(absent.filter(pl.col("expectation") == name)["export_id"])
        first = next(place for place, batch_id in enumerate(large) if batch_id in without)
        if first < FEWEST_BATCHES or any(batch_id not in without for batch_id in large[first:]):
            continue
        yield _drift(
            loaded,
            {**row, "export_id": large[first]},
            f"vanished/{name}/{large[first]}",
            what=f"{table.name}: no record has the attribute {name} any more; expected: some in each {word}, as in the "
            f"{first} before; found: none of {number_of(row['failed'], 'record')}",
            do="ask who writes them whether it was renamed or dropped; then change the contract",
        )


def _unfilled(loaded: Loaded, results: pl.DataFrame) -> Iterator[Alert]:
    """What the check `schema_drift` last said of columns that no later run fills."""
    table = loaded.table
    found: dict[str, Alert] = {}
    for run in results.partition_by("run_id", maintain_order=True):
        batches = run.filter(pl.col("expectation") == QUALITY, pl.col("passed") > 0)["export_id"].n_unique()
        absent = run.filter(pl.col("kind") == ABSENT).group_by("expectation", maintain_order=True)
        in_all = absent.agg(pl.col("export_id").n_unique(), pl.col("failed").sum()).filter(
            pl.col("export_id") == batches
        )
        if batches:  # what its items fill is well again
            still = set(in_all["expectation"])
            found = {name: alert for name, alert in found.items() if table.column(name).source in still}
        enough = in_all.filter(pl.col("failed") >= LEAST_UPSERTS)
        records = dict(enough.select("expectation", "failed").iter_rows())
        empty = [column for column in table.decoded_columns if column.source in records]
        unread = run.filter(pl.col("kind") == UNKNOWN)["expectation"].unique(maintain_order=True).to_list()
        for name, do in meant_attributes(table, empty, unread).items():
            found[name] = _unfilled_alert(loaded, name, do, records, run)
    yield from found.values()


def _unfilled_alert(loaded: Loaded, name: str, do: str, records: Mapping[str, int], run: pl.DataFrame) -> Alert:
    table = loaded.table
    source = str(table.column(name).source)
    return _drift(
        loaded,
        run.row(-1, named=True),
        f"unfilled/{name}/{source}",
        what=f"{table.name}: no record fills the column {name}; expected: its source {source} in some records; "
        f"found: in none of {records[source]:,}",
        do=f"correct {name} in the contract of {table.name}: {do}",
    )


def _drift(loaded: Loaded, result: Mapping[str, Any], name: str, *, what: str, do: str) -> Alert:
    """Where and in which run a result of a rule says it was found."""
    table = loaded.table.name
    return Alert.about(
        f"schema_drift/{table}/{name}",
        kind="schema_drift",
        what=what,
        where=f"{table}, {loaded.source.batch_word} {result['export_id']}",
        table=table,
        do=do,
        run_id=result["run_id"],
    )
