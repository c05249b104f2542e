"""Gold in `verify --deep`: what its source gives is no finding, however it was built; what somebody changed is one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Gold
from medallion_assets.contracts.table import Table
from medallion_assets.delta.log.replay import Replayed
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.deriving.rebuild import rebuild_gold
from medallion_assets.operations.verify.findings import Finding
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.operations.verify.log import verify_log
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE, TRANSACTIONS
from medallion_assets_tests import pipeline
from medallion_assets_tests.operations.small_lakehouse import AT, DAY, found
from medallion_assets_tests.oracle.lines import full, item_line, transaction
from medallion_assets_tests.oracle.strategies import History, any_histories
from medallion_assets_tests.pipeline import (
    CUSTOMER_TRANSACTIONS,
    ENRICHED_TRANSACTIONS,
    lakehouse_at,
    land,
    run_silver,
)
from medallion_assets_tests.properties.examples import examples

THIRD = "01746230400000-0000000c"


def days_of(lakehouse: Lakehouse) -> list[date]:
    return lakehouse.open(ENRICHED_TRANSACTIONS).days


@pytest.fixture
def with_gold(lakehouse: Lakehouse) -> Lakehouse:
    """The sound lakehouse with its one day of both Gold tables, and the day after it as of that."""
    (day,) = days_of(lakehouse)
    pipeline.run_gold(lakehouse, [day])
    assert found(lakehouse, deep=True) == []
    return lakehouse


@pytest.mark.parametrize(
    ("gold", "change"),
    [(DAILY_SALES, {"net_revenue": "net_revenue + 1"}), (LIFETIME_VALUE, {"order_count": "order_count + 1"})],
    ids=["daily", "as of"],
)
def test_figures_that_somebody_changed_are_found(with_gold: Lakehouse, gold: Gold, change: dict[str, str]) -> None:
    """G1 to G3: the day is named; a rebuild puts it right."""
    DeltaTable(with_gold.uri(gold.table)).update(updates=change)
    assert found(with_gold, digests=True) == []
    (finding,) = verify(with_gold, deep=True).findings
    assert (finding.table, finding.check) == (gold.table.name, "equals_recomputation")
    assert str(days_of(with_gold)[0]) in finding.expected
    assert f"medallion rebuild {gold.table.name}" in finding.do
    rebuild_gold(with_gold, gold, why="somebody changed it")
    assert found(with_gold, deep=True) == []


@pytest.mark.parametrize("gold", [DAILY_SALES, LIFETIME_VALUE], ids=["daily", "as of"])
def test_rows_that_no_build_makes_any_more_are_found_in_what_an_earlier_release_wrote(
    with_gold: Lakehouse, gold: Gold
) -> None:
    """G6: a key twice, and a required value missing; the rebuild puts it right."""
    table = with_gold.open(gold.table)
    day, required = table.days[-1], gold.table.column_names[-1]
    rows = table.scan(partitions=[day]).collect()
    nothing = pl.lit(None, dtype=rows.schema[required]).alias(required)
    written = [table.folder.write(some.lazy(), partition=day) for some in (rows, rows.with_columns(nothing))]
    table.commit(written, remove=table.partition_files([day])["path"].to_list())
    nulls, twice = verify(with_gold, deep=True).findings
    assert {nulls.check, twice.check} == {"rows_fit_the_contract"}
    assert (nulls.expected, twice.expected) == (
        f"a value in {required}, a column that is not nullable",
        f"one row for each {', '.join(gold.table.key)}",
    )
    assert "with 2 rows" in twice.found
    assert f"medallion rebuild {gold.table.name}" in twice.do
    rebuild_gold(with_gold, gold, why="verify said so")
    assert found(with_gold, deep=True) == []


@pytest.mark.parametrize("gold", [DAILY_SALES, LIFETIME_VALUE], ids=["daily", "as of"])
def test_a_day_that_was_built_and_is_gone_is_found(with_gold: Lakehouse, gold: Gold) -> None:
    DeltaTable(with_gold.uri(gold.table)).delete()
    assert found(with_gold, deep=True) == [(gold.table.name, "equals_recomputation")]


@pytest.mark.parametrize(
    "table",
    [DAILY_SALES.table, pytest.param(LIFETIME_VALUE.table, marks=pytest.mark.slow)],
    ids=["daily", "as of"],
)
def test_a_day_that_waits_to_be_built_again_is_a_note(with_gold: Lakehouse, table: Table) -> None:
    """Between two builds that is how it is; it is compared again once it is built."""
    change = [item_line(transaction("t1", amount={"N": "99"})), item_line(transaction("t2"))]
    land(with_gold, full(CUSTOMER_TRANSACTIONS.short_name, THIRD, AT + 2 * DAY, change))
    run_silver(with_gold)
    (day,) = days_of(with_gold)
    answer = verify(with_gold, deep=True)
    assert answer.findings == []
    (note,) = [note for note in answer.notes if note.startswith(table.name)]
    assert note == (
        f"{table.name} was not compared where it waits to be built again, for silver.enriched_transactions has changed "
        f"since: {day}"
    )
    pipeline.run_gold(with_gold, [day])
    assert (verify(with_gold, deep=True).findings, verify(with_gold, deep=True).notes) == ([], [])


def test_what_runs_commit_while_tables_are_made_again_is_no_finding(with_gold: Lakehouse) -> None:
    """Reading every file takes long; a table is compared as it was looked at."""
    committed = []

    def meanwhile(what: str, _done: int, _total: int) -> None:
        if what == "reading data files" and not committed:
            committed.append(what)
            sales = [item_line(transaction("t1")), item_line(transaction("t9", currency={"S": "EUR"}))]
            land(with_gold, full(CUSTOMER_TRANSACTIONS.short_name, THIRD, AT + 2 * DAY, sales))
            pipeline.refine_and_accept(with_gold, pipeline.declared(CUSTOMER_TRANSACTIONS))
            run_silver(with_gold)
            pipeline.run_gold(with_gold, days_of(with_gold))

    assert verify(with_gold, deep=True, progress=meanwhile).findings == []
    assert committed


def test_what_settles_while_tables_are_opened_is_no_finding(
    with_gold: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of what settles after a quarantine was opened, and before its Silver was, wait in none of the two."""
    committed = []

    def meanwhile(where: Lakehouse, table: Table) -> tuple[list[Finding], Replayed]:
        if table.name == CUSTOMER_TRANSACTIONS.name and not committed:
            committed.append(table)
            sales = [item_line(transaction("t1")), item_line(transaction("t9", currency={"S": "EUR"}))]
            land(with_gold, full(CUSTOMER_TRANSACTIONS.short_name, THIRD, AT + 2 * DAY, sales))
            pipeline.refine_and_accept(with_gold, pipeline.declared(CUSTOMER_TRANSACTIONS))
        return verify_log(where, table)

    monkeypatch.setattr("medallion_assets.operations.verify.lakehouse.verify_log", meanwhile)
    answer = verify(with_gold, deep=True)
    assert (answer.findings, [note for note in answer.notes if "not made again" in note]) == ([], [])
    assert committed


def test_rules_that_do_not_take_what_is_there_are_a_note_and_stop_no_other_table(with_gold: Lakehouse) -> None:
    def compute(_sales: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        raise pl.exceptions.ComputeError("conversion from `str` to `i64` failed\nmore")

    DeltaTable(with_gold.uri(LIFETIME_VALUE.table)).update(updates={"order_count": "order_count + 1"})
    gold = (replace(DAILY_SALES, compute=compute), LIFETIME_VALUE)
    changed = replace(with_gold, catalog=Catalog((replace(TRANSACTIONS, gold=gold, published=(), pictures=()),)))
    answer = verify(changed, deep=True)
    assert [(found.table, found.check) for found in answer.findings] == [
        (LIFETIME_VALUE.table.name, "equals_recomputation")
    ]
    (note,) = [note for note in answer.notes if "not made again" in note]
    assert note == "gold.daily_sales_summary was not made again: ComputeError: conversion from `str` to `i64` failed"


@examples(8)
@given(history=any_histories(), builds=st.sets(st.integers(0, 12)), seconds=st.sets(st.integers(0, 40)))
def test_however_it_was_built_what_is_not_waiting_is_right(
    history: History, builds: set[int], seconds: set[int]
) -> None:
    """K4: no history of exports and builds, of all days or of some, is a finding."""
    with TemporaryDirectory() as folder:
        lakehouse = lakehouse_at(Path(folder))
        pipeline.decide(lakehouse, history.decisions)
        for number, export in enumerate(history.exports):
            land(lakehouse, export)
            run_silver(lakehouse)
            days = days_of(lakehouse) if lakehouse.exists(ENRICHED_TRANSACTIONS) else []
            if days and number in builds:
                some = [day for place, day in enumerate(days) if place not in seconds] or days
                build(lakehouse, DAILY_SALES, some)
                build(lakehouse, LIFETIME_VALUE, [*some, max(days) + timedelta(days=1)])
        assert verify(lakehouse, deep=True).findings == []
