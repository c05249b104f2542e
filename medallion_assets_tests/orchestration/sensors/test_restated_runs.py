"""Sensors of restated days and the runs that they ask for: in flight, failed, given up, and what goes first."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from medallion_assets.contracts.run_days import day_tags
from medallion_assets.deriving.build import build
from medallion_assets.operations.tables.alerts import ALERTS, read_alerts
from medallion_assets.orchestration.jobs import CATCH_UP_PRIORITY, CATCHES_UP, RECENT_PRIORITY
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.requests import RUN_KEY
from medallion_assets.orchestration.sensors.restated.runs import ASKED_TAG
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES
from medallion_assets.settings.schedules import DAILY
from medallion_assets.triggers.debounce import ATTEMPTS
from medallion_assets.triggers.restated.asking import MOST_IN_FLIGHT
from medallion_assets_tests.delta.older_copies import OlderCopy
from medallion_assets_tests.orchestration.sensors.restated_days import (
    DAY,
    LTV,
    SALES,
    Follower,
    day,
    days_of,
    plant,
)


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
            tags={**request.tags, **({RUN_KEY: request.run_key} if request.run_key else {})},
            status=status,
            remote_job_origin=origin(),
            asset_selection=frozenset(request.asset_selection or ()),
        )
    )


def test_days_that_a_run_is_at_work_on_are_not_asked_for(follower: Follower) -> None:
    """Whoever started it; of scattered days those in between are free."""
    plant(follower.lakehouse, {day(0): "10", day(2): "10", day(4): "10"})
    (request,) = follower.tick(SALES)
    assert days_of(request) == [day(0), day(2), day(4)]
    by_hand = request.with_replaced_attrs(tags=day_tags([(day(0), day(0)), (day(4), day(4))]))
    for status in (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED):
        run_of(follower, by_hand, status)
        assert [days_of(request) for request in follower.tick(SALES)] == [[day(2)]]


def test_late_days_all_over_the_past_are_a_few_runs_that_live_work_goes_before(follower: Follower) -> None:
    """One for each year and one for the last days, and no more of them however often the sensor looks."""
    newest, late = date(2025, 5, 30), [date(2024, 1, 1) + timedelta(days=3 * number) for number in range(170)]
    follower.settings = replace(follower.settings, first_day=date(2024, 1, 1))
    plant(follower.lakehouse, dict.fromkeys([*late, newest], "10"))
    requests = follower.tick(SALES)
    assert sorted(day for request in requests for day in days_of(request)) == sorted({*late, newest})
    assert [(days_of(request)[-1].year, CATCHES_UP in request.tags) for request in requests] == [
        (2025, False),
        (2025, True),
        (2024, True),
    ]
    assert [request.tags["dagster/priority"] for request in requests] == ["8", "5", "5"]
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
        assert alerts["what"].str.ends_with("also of gold.customer_ltv").all(), "rule P6"
    plant(follower.lakehouse, {day(0): "20"})
    assert len(follower.tick(SALES, now=now + timedelta(days=40))) == 1


def test_that_days_were_given_up_is_told_as_soon_as_it_can_be(follower: Follower) -> None:
    plant(follower.lakehouse, {day(0): "10"})
    now = datetime.now(UTC)
    for attempt in range(1, ATTEMPTS + 1):
        (request,) = follower.tick(SALES, now=now + timedelta(days=attempt))
        run_of(follower, request, dg.DagsterRunStatus.FAILURE)
    outbox = Path(follower.lakehouse.uri(ALERTS))
    outbox.parent.mkdir(parents=True, exist_ok=True)
    outbox.write_text("no folder")
    for number in range(2):
        assert follower.tick(SALES, now=now + timedelta(days=20 + number)) == []
    outbox.unlink()
    for number in range(2):
        assert follower.tick(SALES, now=now + timedelta(days=30 + number)) == []
        (key,) = read_alerts(follower.lakehouse, since=now.date())["key"].to_list()
        assert key == f"given_up:{request.tags[ASKED_TAG]}"


def test_runs_of_versions_that_a_source_lost_are_no_attempts_at_those_it_has(follower: Follower) -> None:
    """Else a day that many built is given up without a try: their versions are higher."""
    plant(follower.lakehouse, {day(0): "10"})
    copy = OlderCopy(follower.lakehouse, ENRICHED_TRANSACTIONS)
    for amount in range(11, 12 + ATTEMPTS):
        plant(follower.lakehouse, {day(0): str(amount)})
        (request,) = follower.tick(SALES, now=datetime.now(UTC))
        run_of(follower, request, dg.DagsterRunStatus.SUCCESS)
        follower.do(request)
    copy.put_back()
    plant(follower.lakehouse, {day(0): "30"})
    (request,) = follower.tick(SALES, now=datetime.now(UTC))
    assert days_of(request) == [day(0)]


def test_a_run_that_somebody_deletes_frees_no_key_that_is_taken(follower: Follower) -> None:
    """Dagster would pass over the request at every look, and nobody would be told."""
    plant(follower.lakehouse, {day(0): "10"})
    now = datetime.now(UTC)
    for attempt in range(1, 4):
        (request,) = follower.tick(SALES, now=now + timedelta(days=attempt))
        run_of(follower, request, dg.DagsterRunStatus.FAILURE)
    follower.instance.delete_run(follower.instance.get_runs()[-1].run_id)
    (request,) = follower.tick(SALES, now=now + timedelta(days=9))
    taken = {run.tags[RUN_KEY] for run in follower.instance.get_runs()}
    assert len(taken) == 2
    assert request.run_key not in taken


def test_what_was_given_up_of_a_table_that_was_made_anew_is_given_up_anew(follower: Follower) -> None:
    """Its versions begin anew: a day of the same version is another one."""
    now, alerts = datetime.now(UTC), set[str]()
    for life in (0, 100):
        if life:
            shutil.rmtree(follower.lakehouse.uri(ENRICHED_TRANSACTIONS))
        plant(follower.lakehouse, {day(0): "10"})
        for attempt in range(1, ATTEMPTS + 1):
            (request,) = follower.tick(SALES, now=now + timedelta(days=life + attempt))
            run_of(follower, request, dg.DagsterRunStatus.FAILURE)
        assert follower.tick(SALES, now=now + timedelta(days=life + 30)) == []
        alerts.add(f"given_up:{request.tags[ASKED_TAG]}")
    assert set(read_alerts(follower.lakehouse, since=now.date())["key"]) == alerts
    assert len(alerts) == 2


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
    assert [request.tags["dagster/priority"] for request in (live, old)] == [
        str(RECENT_PRIORITY),
        str(CATCH_UP_PRIORITY),
    ]
    live, _ = follower.tick(SALES, now=evening + timedelta(minutes=1))
    assert days_of(live)[-1] == date(2025, 5, 7)
