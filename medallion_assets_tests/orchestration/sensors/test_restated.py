"""Sensors on real tables: exactly the touched days, once for each version of Silver, whatever is lost in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.run_days import day_tags
from medallion_assets.delta.partitions import partition
from medallion_assets.deriving.build import build
from medallion_assets.deriving.computation import Computation
from medallion_assets.deriving.kept_days import kept_as_of_days
from medallion_assets.operations.alerts.table import read_alerts
from medallion_assets.orchestration.jobs import CATCH_UP_PRIORITY, CATCHES_UP, DAILY, RECENT_PRIORITY
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.sensors.restated_logs import LogPosition, ledger_of, read_on
from medallion_assets.orchestration.sensors.restated_runs import ASKED_TAG
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE, TRANSACTIONS
from medallion_assets.settings import load_settings
from medallion_assets.triggers.debounce import ATTEMPTS
from medallion_assets.triggers.restated import to_publish
from medallion_assets.triggers.restated_asking import MOST_IN_FLIGHT
from medallion_assets_tests.orchestration.sensors.restated_days import (
    NOON,
    Follower,
    assets_of,
    cause_of,
    days_of,
    plant,
)
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.properties.examples import examples

SALES, LTV = DAILY_SALES_SUMMARY, CUSTOMER_LTV
DAY = date(2025, 3, 9)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Follower]:
    """Sensors over an empty lakehouse, with a Dagster of their own."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Follower(load_settings({"MEDALLION_HOME": str(tmp_path)}), instance)


def origin() -> RemoteJobOrigin:
    """Where a run comes from; Dagster queues none without it."""
    module = LoadableTargetOrigin(module_name="medallion_assets.definitions", attribute="defs")
    location = InProcessCodeLocationOrigin(module, location_name="medallion_assets")
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), DAILY)


def run_of(follower: Follower, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    """A run of the request, as Dagster keeps it, that did nothing."""
    follower.instance.add_run(
        dg.DagsterRun(
            job_name=DAILY,
            tags=dict(request.tags),
            status=status,
            remote_job_origin=origin(),
            asset_selection=frozenset(request.asset_selection or ()),
        )
    )


def settle(follower: Follower) -> None:
    """Do what the sensors ask for until they ask for nothing."""
    for _ in range(5):
        requests = [request for gold in (SALES, LTV) for request in follower.tick(gold)]
        if not requests:
            return
        for request in requests:
            follower.do(request)
    raise AssertionError(requests)


def test_nothing_is_asked_for_before_silver_is_there(follower: Follower) -> None:
    assert follower.tick(SALES) == []
    assert not follower.lakehouse.exists(SALES)


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
    expected = {gold.name: [one.run_key for one in follower.tick(gold, keeps_cursor=False)] for gold in (SALES, LTV)}
    follower.cursors = dict.fromkeys(follower.cursors, cursor)
    assert {gold.name: [one.run_key for one in follower.tick(gold)] for gold in (SALES, LTV)} == expected


def test_a_table_that_was_made_anew_is_read_from_its_beginning(follower: Follower, tmp_path: Path) -> None:
    """Its first version is another one than that which was read; Gold's knowledge of versions is worth nothing."""
    plant(follower.lakehouse, {day(0): "10"})
    settle(follower)
    (tmp_path / "lakehouse/silver").rename(tmp_path / "away")
    plant(follower.lakehouse, {day(1): "10"})
    plant(follower.lakehouse, {day(0): "20", day(1): "10"})
    (request,) = follower.tick(SALES)
    assert days_of(request) == [day(0), day(1)]


def test_what_is_built_and_audited_is_only_published(follower: Follower) -> None:
    """Gold succeeded and DynamoDB was down. Figures that no audit found right are built anew instead."""
    plant(follower.lakehouse, {day(0): "10"})
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


def test_days_that_a_run_is_at_work_on_are_not_asked_for(follower: Follower) -> None:
    """Whoever started it; of scattered days those in between are free."""
    plant(follower.lakehouse, {day(0): "10", day(2): "10", day(4): "10"})
    (request,) = follower.tick(SALES)
    assert days_of(request) == [day(0), day(2), day(4)]
    by_hand = request.with_replaced_attrs(tags=day_tags([(day(0), day(0)), (day(4), day(4))]))
    for status in (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED):
        run_of(follower, by_hand, status)
        assert [days_of(one) for one in follower.tick(SALES)] == [[day(2)]]


def test_late_days_all_over_the_past_are_a_few_runs_that_live_work_goes_before(follower: Follower) -> None:
    """One for each year and one for the last days, and no more of them however often the sensor looks."""
    newest, late = date(2025, 5, 30), [date(2024, 1, 1) + timedelta(days=3 * number) for number in range(170)]
    follower.settings = replace(follower.settings, first_day=date(2024, 1, 1))
    plant(follower.lakehouse, dict.fromkeys([*late, newest], "10"))
    requests = follower.tick(SALES)
    assert sorted(one for request in requests for one in days_of(request)) == sorted({*late, newest})
    assert [(days_of(one)[-1].year, CATCHES_UP in one.tags) for one in requests] == [
        (2025, False),
        (2025, True),
        (2024, True),
    ]
    assert [one.tags["dagster/priority"] for one in requests] == ["8", "5", "5"]
    for request in requests:
        run_of(follower, request, dg.DagsterRunStatus.QUEUED)
    assert follower.tick(SALES) == []


def test_no_more_than_some_runs_are_in_flight_for_a_table(follower: Follower) -> None:
    """Those in the queue count as well, and those of the other table or of people do not."""
    plant(follower.lakehouse, {day(0): "10"})
    elsewhere = dg.RunRequest(tags={ASKED_TAG: "x", **day_tags([(day(9), day(9))])}, asset_selection=[asset_key(SALES)])
    statuses = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED] * MOST_IN_FLIGHT
    for status in statuses[: MOST_IN_FLIGHT - 1]:
        run_of(follower, elsewhere, status)
    assert len(follower.tick(SALES, keeps_cursor=False)) == 1
    run_of(follower, elsewhere, statuses[-1])
    assert follower.tick(SALES, keeps_cursor=False) == []
    assert len(follower.tick(LTV, keeps_cursor=False)) == 1


def test_a_failed_run_is_asked_for_again_and_at_last_given_up(follower: Follower) -> None:
    """By another key each time, also when the cursor is lost: Dagster starts nothing twice under one key."""
    plant(follower.lakehouse, {day(0): "10"})
    now = datetime.now(UTC)
    for attempt in range(1, ATTEMPTS + 1):
        follower.cursors.clear()
        (request,) = follower.tick(SALES, now=now + timedelta(days=attempt))
        assert str(request.run_key).endswith(f"#{attempt}")
        run_of(follower, request, dg.DagsterRunStatus.FAILURE)
        assert follower.tick(SALES, now=datetime.now(UTC)) == []  # right after it failed
    for attempt in range(2):
        assert follower.tick(SALES, now=now + timedelta(days=30 + attempt)) == []
        alerts = read_alerts(follower.lakehouse, since=now.date())
        assert alerts["key"].to_list() == [f"given_up:{request.tags[ASKED_TAG]}"]
    plant(follower.lakehouse, {day(0): "20"})
    assert len(follower.tick(SALES, now=now + timedelta(days=40))) == 1


def test_figures_that_fail_their_audit_are_given_up_though_silver_goes_on(follower: Follower) -> None:
    """Silver's next versions are about another day."""
    plant(follower.lakehouse, {day(0): "10", day(20): "10"})
    now = datetime.now(UTC)
    for attempt in range(1, ATTEMPTS + 1):
        requests = follower.tick(SALES, now=now + timedelta(days=attempt))
        assert [day(0) in days_of(request) for request in requests].count(True) == 1
        for request in requests:
            run_of(follower, request, dg.DagsterRunStatus.FAILURE)
        build(follower.lakehouse, DAILY_SALES, [day(0)])
        plant(follower.lakehouse, {day(0): "10", day(20): str(10 + attempt)})
    (request,) = follower.tick(SALES, now=now + timedelta(days=30))
    assert days_of(request) == [day(20)]


def test_tomorrow_waits_for_its_day_and_a_long_day_range_lets_live_work_go_first(follower: Follower) -> None:
    """Days are business days in Los Angeles; of 60 days the last 31 do not wait for the others."""
    plant(follower.lakehouse, {day(number): "10" for number in range(60)})
    evening = datetime(2025, 5, 7, 6, 59, tzinfo=UTC)
    live, old = follower.tick(SALES, now=evening)
    assert (days_of(old)[0], days_of(old)[-1]) == (DAY, date(2025, 4, 5))
    assert (days_of(live)[0], days_of(live)[-1]) == (date(2025, 4, 6), date(2025, 5, 6))
    assert [one.tags["dagster/priority"] for one in (live, old)] == [str(RECENT_PRIORITY), str(CATCH_UP_PRIORITY)]
    live, _ = follower.tick(SALES, now=evening + timedelta(minutes=1))
    assert days_of(live)[-1] == date(2025, 5, 7)


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
        silver, sold, worth = (follower.lakehouse.open(one) for one in (ENRICHED_TRANSACTIONS, SALES, LTV))
        assert [one for one in sold.partitions if one] == sorted(final)
        for one in final:
            assert partition(sold, one).equals(Computation(DAILY_SALES, silver).rows(one).sort(SALES.key))
        days = [day(number) for number in range(46) if day(number) >= min(final)]
        kept = kept_as_of_days(days, max(final))
        assert set(kept) <= set(worth.partitions)
        held = [one for one in worth.partitions if one is not None]
        for one, expected in zip(
            held, (rows for _, rows in Computation(LIFETIME_VALUE, silver).each(held)), strict=True
        ):
            assert partition(worth, one).equals(expected.sort(LTV.key))


def test_now_is_after_every_planted_day() -> None:
    assert day(60) < NOON.date()


def test_what_begins_to_be_published_is_published_from_its_first_day(tmp_path: Path) -> None:
    """And what ends to be published waits for nothing: where that changes, the logs are read again."""
    lakehouse = lakehouse_at(tmp_path)
    plant(lakehouse, {DAY: "10"})
    build(lakehouse, DAILY_SALES, [DAY])
    serving = TRANSACTIONS.served_as(DAILY_SALES)
    with dg.DagsterInstance.ephemeral() as instance:
        alone = read_on(LogPosition(ledger=ledger_of(DAILY_SALES)), lakehouse, instance, DAILY_SALES, None)
        assert to_publish(alone.ledger) == {}
        served = read_on(alone, lakehouse, instance, DAILY_SALES, serving)
        assert to_publish(served.ledger) == {DAY: 1}
        assert to_publish(read_on(served, lakehouse, instance, DAILY_SALES, None).ledger) == {}
