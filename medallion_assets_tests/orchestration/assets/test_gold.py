"""Gold's assets in Dagster: partitions, and checks that fail when a partition is not what Silver gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from medallion_assets.contracts.pipeline import Gold
from medallion_assets.contracts.table import Table
from medallion_assets.delta.replacing.partitions import write_day
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.audit import Audit, audit, source_of
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.partitions import business_days
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE, TRANSACTIONS
from medallion_assets.stages.gold import audit_checks
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.graph import GOLD, SILVER, Graph
from medallion_assets_tests.oracle import lines
from medallion_assets_tests.oracle.model import micros

SALES, LTV = GOLD
DAY = date(2025, 3, 9)


def at_noon(number: int) -> datetime:
    """The last full export comes last."""
    return datetime(2025, 12, 1, 12, tzinfo=UTC) + timedelta(days=number)


def refine(graph: Graph, *sales: dict[str, Any], number: int = 0) -> None:
    """Make these transactions all that Silver holds."""
    items = [lines.transaction(f"t{number}", **sale) for number, sale in enumerate(sales)]
    export_id = f"0{micros(at_noon(number)) // 1000}-{number:08x}"
    records = [lines.item_line(item) for item in items]
    pipeline.land(graph.lakehouse, lines.full("customer_transactions", export_id, at_noon(number), records))
    assert graph.run(*SILVER).success


def sale(at: str, amount: str = "10", **attributes: Any) -> dict[str, Any]:
    return {"transaction_timestamp": {"S": at}, "amount": {"N": amount}, **attributes}


def tamper(graph: Graph, table: Table, day: date, rows: pl.DataFrame) -> Snapshot:
    """Put other rows in the place of a partition, and give the table as it is then."""
    gold = graph.lakehouse.open(table)
    written = write_day(gold.folder, rows, day)
    gold.commit([written] if written else [], remove=gold.partition_files([day])["path"].to_list())
    return graph.lakehouse.open(table)


def verdicts(gold: Gold, found: Audit) -> dict[str, bool]:
    return {check.name: check.passed for check in audit_checks(gold, found)}


@pytest.mark.parametrize(
    ("day", "hours", "inside", "outside"),
    [
        (
            date(2025, 3, 9),
            23,
            ("2025-03-09T08:00:00Z", "2025-03-10T06:59:59.999999Z"),
            ("2025-03-09T07:59:59.999999Z", "2025-03-10T07:00:00Z"),
        ),
        (
            date(2025, 11, 2),
            25,
            ("2025-11-02T07:00:00Z", "2025-11-03T07:59:59.999999Z"),
            ("2025-11-02T06:59:59.999999Z", "2025-11-03T08:00:00Z"),
        ),
    ],
)
def test_a_day_on_which_clocks_change_is_whole(
    graph: Graph, day: date, hours: int, inside: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    """T5, G2: from midnight to midnight in Los Angeles, in Silver's dates and in Dagster's partitions alike."""
    refine(graph, *(sale(moment) for moment in (*inside, *outside)))
    run = graph.run(SALES, first=day)
    assert run.success
    assert run.failed_checks == set()
    (row,) = pipeline.rows(graph.lakehouse, DAILY_SALES_SUMMARY)
    assert (row["transaction_date"], row["transaction_count"]) == (day, 2)
    start, end = business_days(date(2025, 1, 1)).time_window_for_partition_key(str(day))
    assert (end.timestamp() - start.timestamp()) / 3600 == hours
    moments = [datetime.fromisoformat(moment).timestamp() for moment in (*inside, *outside)]
    assert [start.timestamp() <= moment < end.timestamp() for moment in moments] == [True, True, False, False]


def test_days_before_the_first_one_are_a_warning_with_the_setting(graph: Graph) -> None:
    """They are in Silver and never in Gold; nothing stops."""
    refine(graph, sale("2024-12-30T20:00:00Z"), sale("2025-03-09T20:00:00Z"))
    run = graph.run("gold/daily_sales_summary", first=DAY)
    assert run.success
    assert run.failed_checks == {("gold/daily_sales_summary", "no_earlier_days")}
    said = run.figures("gold/daily_sales_summary", "no_earlier_days")
    assert (said["earlier_days"], said["what_to_do"].startswith("set MEDALLION_FIRST_DAY to 2024-12-30")) == (1, True)


def test_a_range_of_days_is_one_run_and_one_commit(graph: Graph) -> None:
    """G2, G3: every day of it is materialized, the one without sales too."""
    days = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
    refine(graph, sale("2025-03-09T20:00:00Z"), sale("2025-03-11T20:00:00Z", "5"))
    run = graph.run(*GOLD, first=days[0], last=days[-1])
    assert run.success
    for asset, table in ((SALES, DAILY_SALES_SUMMARY), (LTV, CUSTOMER_LTV)):
        assert run.partitions(asset) == {str(day) for day in days}
        assert graph.lakehouse.open(table).version == run.figures(asset)["table_version"] == 1
    assert graph.lakehouse.open(DAILY_SALES_SUMMARY).partitions == [days[0], days[2]]


@pytest.mark.parametrize("is_published", first_quick(False, True))
def test_a_build_says_how_old_its_newest_export_is_where_readers_read_gold(graph: Graph, is_published: bool) -> None:
    """V5: not the first build, nor one that brings nothing new; where it is published, that says so."""
    if not is_published:
        graph = replace(graph, pipelines=(replace(TRANSACTIONS, published=()),))
    for number in (0, 1, 1):
        if number or not graph.lakehouse.exists(DAILY_SALES_SUMMARY):
            export_id = f"0{micros(at_noon(number)) // 1000}-{number:08x}"
            buyers = [lines.item_line(lines.customer("c1"))]
            pipeline.land(graph.lakehouse, lines.full("customers", export_id, at_noon(number), buyers))
            refine(graph, sale("2025-03-09T12:00:00Z"), number=number)
        assert graph.run(SALES, first=DAY).success
    rows = read_attempts(graph.lakehouse).filter(stage=DAILY_SALES_SUMMARY.name)
    first, second, third = rows.to_dicts()
    assert (first["export_age_seconds"], third["export_age_seconds"]) == (None, None)
    if is_published:
        assert second["export_age_seconds"] is None
        return
    at_least = (second["started_at"] - second["sources_covered_until"]).total_seconds()
    assert at_least < second["export_age_seconds"] <= at_least + second["duration_seconds"]


def test_a_partition_that_was_altered_differs_from_its_recomputation(graph: Graph) -> None:
    """G2: which rows, and on which side; an altered text leaves the revenue right."""
    refine(graph, sale("2025-03-09T20:00:00Z", "10.5"))
    assert graph.run(SALES, first=DAY).success
    gold = graph.lakehouse.open(DAILY_SALES_SUMMARY)
    assert verdicts(DAILY_SALES, audit(DAILY_SALES, gold, source_of(DAILY_SALES, gold), [DAY])) == {
        "equals_recomputation": True,
        "revenue_reconciles": True,
    }
    altered = tamper(graph, DAILY_SALES_SUMMARY, DAY, gold.scan().collect().with_columns(region=pl.lit("east")))
    found = audit(DAILY_SALES, altered, graph.lakehouse.open(ENRICHED_TRANSACTIONS), [DAY])
    assert verdicts(DAILY_SALES, found) == {"equals_recomputation": False, "revenue_reconciles": True}
    assert set(found.differing.select("_only_in", "region").iter_rows()) == {("gold", "east"), ("silver", "unknown")}


def test_revenue_that_is_off_on_two_days_does_not_cancel_out(graph: Graph) -> None:
    """G1: a cent too much on one day, a cent too little on the next."""
    days = [DAY, DAY + timedelta(days=1)]
    refine(graph, sale("2025-03-09T20:00:00Z"), sale("2025-03-10T20:00:00Z"))
    assert graph.run(SALES, first=days[0], last=days[1]).success
    for day, cent in zip(days, (Decimal("0.01"), Decimal("-0.01")), strict=True):
        rows = graph.lakehouse.open(DAILY_SALES_SUMMARY).scan(partitions=[day]).collect()
        money = (pl.col("net_revenue") + cent).cast(rows.schema["net_revenue"])
        gold = tamper(graph, DAILY_SALES_SUMMARY, day, rows.with_columns(net_revenue=money))
    found = audit(DAILY_SALES, gold, graph.lakehouse.open(ENRICHED_TRANSACTIONS), days)
    assert verdicts(DAILY_SALES, found) == {"equals_recomputation": False, "revenue_reconciles": False}
    assert found.unreconciled == {
        days[0]: (Decimal("10.01"), Decimal(10)),
        days[1]: (Decimal("9.99"), Decimal(10)),
    }
    (check,) = (check for check in audit_checks(DAILY_SALES, found) if check.name == "revenue_reconciles")
    sums = "10.0100 in gold.daily_sales_summary, 10.0000 in silver.customer_transactions"
    assert check.figures["found"] == f"net_revenue of {days[0]} is {sums}; 2 of 2 days differ"


@pytest.mark.slow
def test_a_row_too_many_or_too_few_is_found(graph: Graph) -> None:
    """G2: also one that is there twice, with every value right."""
    refine(graph, sale("2025-03-09T20:00:00Z"))
    assert graph.run(SALES, first=DAY).success
    rows, enriched = (graph.lakehouse.open(table) for table in (DAILY_SALES_SUMMARY, ENRICHED_TRANSACTIONS))
    twice = pl.concat([rows.scan().collect()] * 2)
    audits = [
        audit(DAILY_SALES, tamper(graph, DAILY_SALES_SUMMARY, DAY, planted), enriched, [DAY])
        for planted in (twice, twice.clear())
    ]
    assert [(found.rows_stored, found.rows_recomputed) for found in audits] == [(2, 1), (0, 1)]
    assert [found.differing["_only_in"].to_list() for found in audits] == [["gold"], ["silver"]]
    assert [verdicts(DAILY_SALES, found)["revenue_reconciles"] for found in audits] == [False, False]


@pytest.mark.slow
def test_every_as_of_day_of_a_run_is_audited(graph: Graph) -> None:
    """G3: not the last one alone."""
    days = [DAY, DAY + timedelta(days=1)]
    refine(graph, sale("2025-03-09T20:00:00Z"), sale("2025-03-10T20:00:00Z", "5"))
    assert graph.run(LTV, first=days[0], last=days[1]).success
    rows = graph.lakehouse.open(CUSTOMER_LTV).scan(partitions=[DAY]).collect()
    doubled = (pl.col("lifetime_value") * 2).cast(rows.schema["lifetime_value"])
    gold = tamper(graph, CUSTOMER_LTV, DAY, rows.with_columns(lifetime_value=doubled))
    found = audit(LIFETIME_VALUE, gold, graph.lakehouse.open(ENRICHED_TRANSACTIONS), days)
    assert verdicts(LIFETIME_VALUE, found) == {"equals_recomputation": False, "revenue_reconciles": False}
    assert found.unreconciled == {DAY: (Decimal(20), Decimal(10))}
    assert found.sums[days[1]] == (Decimal(15), Decimal(15))


@pytest.mark.slow
def test_what_silver_takes_in_after_a_build_is_no_fault_of_it(graph: Graph) -> None:
    """A Silver run may end between a build and its audit: the next build's business."""
    refine(graph, sale("2025-03-09T20:00:00Z"))
    assert graph.run(*GOLD, first=DAY).success
    refine(graph, sale("2025-03-09T20:00:00Z", "99"), number=1)
    for gold in (DAILY_SALES, LIFETIME_VALUE):
        built = graph.lakehouse.open(gold.table)
        passed = verdicts(gold, audit(gold, built, source_of(gold, built), [DAY]))
        assert set(passed.values()) == {True}
        latest = verdicts(gold, audit(gold, built, graph.lakehouse.open(ENRICHED_TRANSACTIONS), [DAY]))
        assert set(latest.values()) == {False}
