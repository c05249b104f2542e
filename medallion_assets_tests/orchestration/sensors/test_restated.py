"""Sensors on real tables: exactly the touched days, once for each version of Silver, whatever is lost in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.delta.replacing.partitions import partition
from medallion_assets.deriving.build import build
from medallion_assets.deriving.computation import computation
from medallion_assets.deriving.day_ledger import to_publish
from medallion_assets.deriving.day_logs import ledger_of
from medallion_assets.deriving.kept_days import kept_as_of_days
from medallion_assets.orchestration.jobs import RECENT_PRIORITY
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.sensors.restated.logs import LogPosition, read_on
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE, TRANSACTIONS
from medallion_assets.settings import load_settings
from medallion_assets_tests.delta.older_copies import OlderCopy
from medallion_assets_tests.orchestration.sensors.restated_days import (
    DAY,
    LTV,
    NOON,
    SALES,
    Follower,
    assets_of,
    cause_of,
    day,
    days_of,
    plant,
    settle,
)
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.properties.examples import examples


def test_nothing_is_asked_for_before_silver_is_there(follower: Follower) -> None:
    assert follower.tick(SALES) == []
    assert not follower.lakehouse.exists(SALES)


def test_days_before_the_first_one_are_named_with_the_setting(follower: Follower) -> None:
    """Nobody asks for them; the sensor says that they are there."""
    early = follower.settings.first_day - timedelta(days=2)
    plant(follower.lakehouse, {early: "10"})
    assert follower.tick(SALES) == []
    assert f"holds days from {early} on, before MEDALLION_FIRST_DAY" in follower.reason
    assert follower.reason.endswith(f"unless it is set to {early}")
    assert follower.tick(LTV) == []
    assert "MEDALLION_FIRST_DAY" not in follower.reason, "its days are of all that was before"


def test_late_data_restates_exactly_the_days_it_touches(follower: Follower) -> None:
    """G5: its own summary, and every kept as-of day from it on; Gold and serving in one run."""
    plant(follower.lakehouse, {day(number): "10" for number in range(4)})
    settle(follower)
    version = plant(follower.lakehouse, {day(number): "99" if number == 2 else "10" for number in range(4)})
    (sales,), (ltv,) = follower.tick(SALES), follower.tick(LTV)
    assert (days_of(sales), assets_of(sales)) == ([day(2)], ["gold/daily_sales_summary", "serving/daily_sales_metrics"])
    assert (days_of(ltv), assets_of(ltv)) == ([day(2), day(3)], ["gold/customer_ltv", "serving/customer_ltv_metrics"])
    assert cause_of(sales) == cause_of(ltv) == [(ENRICHED_TRANSACTIONS.name, version)]
    table = follower.lakehouse.open(ENRICHED_TRANSACTIONS).table_id[:8]
    assert sales.run_key == f"build:daily_sales_summary:{day(2)}...{day(2)}@{version}.{table}#1"
    assert sales.tags["dagster/priority"] == str(RECENT_PRIORITY)
    settle(follower)


def test_the_batches_of_silver_do_not_matter(follower: Follower) -> None:
    """K4: two commits between two ticks are one request; a day touched twice is built once, from the later one."""
    plant(follower.lakehouse, {day(0): "10", day(1): "10"})
    settle(follower)
    plant(follower.lakehouse, {day(0): "20", day(1): "10"})
    version = plant(follower.lakehouse, {day(0): "30", day(1): "30"})
    (request,) = follower.tick(SALES)
    assert (days_of(request), cause_of(request)) == ([day(0), day(1)], [(ENRICHED_TRANSACTIONS.name, version)])
    follower.do(request)
    assert follower.tick(SALES) == []


def test_a_tick_that_is_evaluated_twice_asks_for_the_same(follower: Follower) -> None:
    plant(follower.lakehouse, {day(0): "10", day(1): "10"})
    keys = [[request.run_key for request in follower.tick(SALES, keeps_cursor=False)] for _ in range(2)]
    table = follower.lakehouse.open(ENRICHED_TRANSACTIONS).table_id[:8]
    assert keys[0] == keys[1] == [f"build:daily_sales_summary:{day(0)}...{day(1)}@1.{table}#1"]


@pytest.mark.parametrize("cursor", [None, "nonsense", "[]", '{"reading": {"ledger": {"as_of": false}}, "memory": 3}'])
def test_a_lost_cursor_costs_a_reading_and_nothing_else(follower: Follower, cursor: str | None) -> None:
    plant(follower.lakehouse, {day(0): "10", day(3): "10"})
    settle(follower)
    plant(follower.lakehouse, {day(0): "10", day(3): "20"})
    expected = {
        gold.name: [request.run_key for request in follower.tick(gold, keeps_cursor=False)] for gold in (SALES, LTV)
    }
    follower.cursors = dict.fromkeys(follower.cursors, cursor)
    assert {gold.name: [request.run_key for request in follower.tick(gold)] for gold in (SALES, LTV)} == expected


def test_a_table_that_was_made_anew_is_read_from_its_beginning(follower: Follower, tmp_path: Path) -> None:
    """Its first version is another one than that which was read; Gold's knowledge of versions is worth nothing."""
    plant(follower.lakehouse, {day(0): "10"})
    settle(follower)
    (tmp_path / "lakehouse/silver").rename(tmp_path / "away")
    plant(follower.lakehouse, {day(1): "10"})
    plant(follower.lakehouse, {day(0): "20", day(1): "10"})
    (request,) = follower.tick(SALES)
    assert days_of(request) == [day(0), day(1)]


@pytest.mark.parametrize("ticks_between", [False, True], ids=["nobody looked", "looked at while behind"])
def test_a_source_that_was_put_back_to_a_copy_is_read_from_its_beginning(
    follower: Follower, ticks_between: bool
) -> None:
    """Its numbers come again with other commits; what Gold built from lost ones is not what it holds."""
    plant(follower.lakehouse, {day(0): "10", day(1): "10"})
    copy = OlderCopy(follower.lakehouse, ENRICHED_TRANSACTIONS)
    plant(follower.lakehouse, {day(0): "20", day(1): "10"})
    settle(follower)
    copy.put_back()
    if ticks_between:
        follower.tick(SALES)
    plant(follower.lakehouse, {day(0): "10", day(1): "10", day(2): "10"})
    plant(follower.lakehouse, {day(0): "10", day(1): "10", day(2): "30"})
    assert day(0) in {named for request in follower.tick(SALES) for named in days_of(request)}
    settle(follower)
    assert partition(follower.lakehouse.open(SALES), day(0))["net_revenue"].sum() == 10


def test_what_was_published_of_versions_that_gold_lost_is_published_again(follower: Follower) -> None:
    """It was built anew before anybody looked; Dagster says that a higher version of it was published."""
    plant(follower.lakehouse, {day(0): "10"})
    settle(follower)
    copy = OlderCopy(follower.lakehouse, SALES)
    for amount in ("20", "30", "40"):
        plant(follower.lakehouse, {day(0): amount})
        settle(follower)
    copy.put_back()
    build(follower.lakehouse, DAILY_SALES, [day(0)])
    requests = follower.tick(SALES)
    assert [asset for request in requests for asset in assets_of(request)][-1:] == ["serving/daily_sales_metrics"]


def test_what_is_built_and_audited_is_only_published(follower: Follower) -> None:
    """Gold succeeded and DynamoDB was down. Figures that no audit found right are built anew instead."""
    plant(follower.lakehouse, {day(0): "10"})
    (others,) = follower.tick(LTV)
    follower.do(others)
    (request,) = follower.tick(SALES)
    follower.do(request, publishes=False)
    (again,) = follower.tick(SALES)
    assert (assets_of(again), cause_of(again)) == (assets_of(request), cause_of(request))
    follower.tell(SALES, [day(0)], 0)
    (again,) = follower.tick(SALES)
    assert assets_of(again) == assets_of(request)
    follower.tell(SALES, [day(0)], 1)
    (publishing,) = follower.tick(SALES)
    assert (assets_of(publishing), cause_of(publishing)) == (["serving/daily_sales_metrics"], [(SALES.name, 1)])
    follower.do(publishing)
    assert follower.tick(SALES) == []


def test_figures_that_failed_their_audit_are_never_published_alone(follower: Follower) -> None:
    """The blocking check stopped serving; asking for serving alone would bring to readers what it stopped."""
    plant(follower.lakehouse, {day(0): "10"})
    follower.tick(SALES)
    build(follower.lakehouse, DAILY_SALES, [day(0)])

    @dg.asset(
        key=asset_key(SALES),
        partitions_def=dg.DailyPartitionsDefinition("2025-01-01"),
        check_specs=[dg.AssetCheckSpec("equals_recomputation", asset=asset_key(SALES), blocking=True)],
    )
    def gold() -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        yield dg.AssetCheckResult(passed=False)
        yield dg.MaterializeResult(metadata={"table_version": 1})

    dg.materialize([gold], instance=follower.instance, partition_key=str(day(0)), raise_on_error=False)
    (request,) = follower.tick(SALES)
    assert assets_of(request) == ["gold/daily_sales_summary", "serving/daily_sales_metrics"]


amounts = st.dictionaries(st.integers(0, 45).map(day), st.sampled_from(["10", "20"]), max_size=3)
steps = st.lists(st.tuples(amounts, st.sampled_from(["wait", "tick", "do", "fail", "lose"])), min_size=1, max_size=5)


@examples(8)
@given(steps, amounts.filter(bool))
def test_once_all_that_was_asked_for_is_done_gold_equals_its_recomputation(
    history: list[tuple[dict[date, str], str]], final: dict[date, str]
) -> None:
    """G5, K4: Silver's days come and go, requests are done, half done or never; in the end nothing is pending."""
    with TemporaryDirectory() as home, dg.DagsterInstance.ephemeral() as instance:
        follower = Follower(load_settings({"MEDALLION_HOME": home}), instance)
        for sales, then in [*history, (final, "wait")]:
            plant(follower.lakehouse, sales)
            for gold in (SALES, LTV) if then in ("tick", "do", "fail") else ():
                for request in follower.tick(gold):
                    if then != "tick":
                        follower.do(request, publishes=then == "do")
            if then == "lose":
                follower.cursors.clear()
        settle(follower)
        follower.cursors.clear()
        settle(follower)
        silver, sold, worth = (follower.lakehouse.open(table) for table in (ENRICHED_TRANSACTIONS, SALES, LTV))
        assert [sales_day for sales_day in sold.partitions if sales_day] == sorted(final)
        with computation(DAILY_SALES, silver) as computed:
            for sales_day in final:
                assert partition(sold, sales_day).equals(computed.rows(sales_day).sort(SALES.key))
        days = [day(number) for number in range(46) if day(number) >= min(final)]
        kept = kept_as_of_days(days, max(final))
        assert set(kept) <= set(worth.partitions)
        held = [as_of for as_of in worth.partitions if as_of is not None]
        with computation(LIFETIME_VALUE, silver) as computed:
            for as_of, expected in computed.each(held):
                assert partition(worth, as_of).equals(expected.sort(LTV.key))


def test_now_is_after_every_planted_day() -> None:
    assert day(60) < NOON.date()


def test_what_begins_to_be_published_is_published_from_its_first_day(tmp_path: Path) -> None:
    """And what ends to be published waits for nothing: where that changes, the logs are read again."""
    lakehouse = lakehouse_at(tmp_path)
    plant(lakehouse, {DAY: "10"})
    build(lakehouse, DAILY_SALES, [DAY])
    serving = TRANSACTIONS.served_as(DAILY_SALES)
    with dg.DagsterInstance.ephemeral() as instance:
        alone = read_on(LogPosition(ledger=ledger_of(DAILY_SALES)), lakehouse, instance, DAILY_SALES, None, now=NOON)
        assert to_publish(alone.ledger) == {}
        served = read_on(alone, lakehouse, instance, DAILY_SALES, serving, now=NOON)
        assert to_publish(served.ledger) == {DAY: 1}
        assert to_publish(read_on(served, lakehouse, instance, DAILY_SALES, None, now=NOON).ledger) == {}
