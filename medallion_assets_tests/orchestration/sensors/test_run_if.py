"""Run-if sensors over real runs: what counts as an outcome, each asked for once, and never for their own job.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import replace

import dagster as dg
import pytest

from medallion_assets.contracts.documents import to_json
from medallion_assets.contracts.triggers import Condition
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.assets.incidents import DIAGNOSE
from medallion_assets.orchestration.dagster_tags import RETRIED_BY
from medallion_assets.orchestration.jobs import job_tables
from medallion_assets.orchestration.runs.outcomes import WILL_RETRY_TAG
from medallion_assets.orchestration.sensors.run_if import SENSOR_TAG, UNTIL_TAG, run_if, run_if_sensors
from medallion_assets.orchestration.trigger_context import CAUSE_TAG, TRIGGER_TAG
from medallion_assets.settings import load_settings
from medallion_assets.triggers.run_if import RunIfCursor
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.pipeline import CATALOG

FIRST, SECOND = dg.AssetKey(["demo", "first"]), dg.AssetKey(["demo", "second"])
CONDITION = Condition.AT_LEAST_ONE_FAILED
NOWHERE = resource_of(Lakehouse(url="/nowhere"))


@dg.asset(key=FIRST)
def first(context: dg.AssetExecutionContext) -> None:
    if "fails" in context.run.tags:
        raise dg.Failure("as planned", allow_retries=False)


@dg.asset(key=SECOND, deps=[FIRST])
def second() -> None:
    """Does not run when the first one fails."""


@dg.asset
def answer() -> None:
    """What the sensors run."""


DEFINITIONS = dg.Definitions(
    assets=[first, second, answer],
    jobs=[
        dg.define_asset_job("work", [first, second], executor_def=dg.in_process_executor),
        dg.define_asset_job("work_more", [first], executor_def=dg.in_process_executor),
        dg.define_asset_job("respond", [answer], executor_def=dg.in_process_executor),
    ],
)


def run(instance: dg.DagsterInstance, job: str = "work", **tags: str) -> str:
    """The id of a run of a job, which fails when `fails` is among its tags."""
    job_def = DEFINITIONS.resolve_job_def(job)
    return job_def.execute_in_process(instance=instance, tags=tags, raise_on_error=False).run_id


def planned(instance: dg.DagsterInstance, job: str = "work") -> dg.DagsterRun:
    """A run that has not begun."""
    return instance.create_run_for_job(job_def=DEFINITIONS.resolve_job_def(job))


def sensor_of(
    upstream: Sequence[str | dg.AssetKey], condition: Condition = CONDITION, **options: int
) -> dg.SensorDefinition:
    names = [named if isinstance(named, str) else named.to_user_string() for named in upstream]
    return run_if("watcher", job="respond", upstream=names, condition=condition, **options)


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None
) -> tuple[list[dg.RunRequest], str]:
    resources = {"lakehouse": NOWHERE}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return list(result.run_requests or []), str(result.cursor)


def asked(sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> list[str]:
    """The runs that a first tick asks because of."""
    return [str(request.run_key).removeprefix("watcher/") for request in tick(sensor, instance)[0]]


def test_each_run_that_fails_is_asked_for_once(dagster_instance: dg.DagsterInstance) -> None:
    sensor, failed = sensor_of([FIRST]), run(dagster_instance, fails="yes")
    run(dagster_instance)
    (request,), cursor = tick(sensor, dagster_instance)
    assert request.run_key == f"watcher/{failed}"
    assert request.tags[TRIGGER_TAG] == "run_if"
    assert request.tags[CAUSE_TAG] == f"demo/first failed in {failed[:8]}"
    assert tick(sensor, dagster_instance, cursor)[0] == []
    again = run(dagster_instance, fails="yes")
    assert [request.run_key for request in tick(sensor, dagster_instance, cursor)[0]] == [f"watcher/{again}"]


def test_more_runs_than_a_tick_has_time_for_are_taken_in_turn(
    dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after days for which the sensor was off: each tick keeps what it has done, and loses no later run."""
    monkeypatch.setattr("medallion_assets.triggers.run_if.OVERLAP_SECONDS", 0.0)  # they ended long ago
    sensor = sensor_of([FIRST], most_runs=2)
    failed = [run(dagster_instance, fails="yes") for _ in range(5)]
    cursor, found = to_json(RunIfCursor(settled_until=time.time() - 3600)), []
    for _ in range(4):
        requests, cursor = tick(sensor, dagster_instance, cursor)
        found.append([str(request.run_key).removeprefix("watcher/") for request in requests])
    assert found == [failed[:2], failed[2:4], failed[4:], []]


@pytest.mark.parametrize("lost", [None, "from another version"])
def test_a_lost_cursor_goes_on_after_what_was_asked_for_last(
    dagster_instance: dg.DagsterInstance, lost: str | None
) -> None:
    sensor = sensor_of([FIRST])
    run(dagster_instance, fails="yes")
    (request,), _ = tick(sensor, dagster_instance)
    run(dagster_instance, "respond", **request.tags)
    new = run(dagster_instance, fails="yes")
    assert [request.run_key for request in tick(sensor, dagster_instance, lost)[0]] == [f"watcher/{new}"]


def test_a_clock_that_was_set_back_skips_no_run(dagster_instance: dg.DagsterInstance) -> None:
    """Runs end before what the cursor calls settled, for an hour."""
    sensor, failed = sensor_of([FIRST]), run(dagster_instance, fails="yes")
    ahead = to_json(RunIfCursor(settled_until=time.time() + 3000))
    (request,), cursor = tick(sensor, dagster_instance, ahead)
    assert request.run_key == f"watcher/{failed}"
    assert tick(sensor, dagster_instance, cursor)[0] == []


@pytest.mark.parametrize("until", ["soon", "nan", "-1", "1e300", ""])
def test_an_odd_tag_of_the_last_run_is_a_lost_cursor(dagster_instance: dg.DagsterInstance, until: str) -> None:
    failed = run(dagster_instance, fails="yes")
    run(dagster_instance, "respond", **{SENSOR_TAG: "watcher", UNTIL_TAG: until})
    assert asked(sensor_of([FIRST]), dagster_instance) == [failed]


def test_with_nothing_but_a_lost_cursor_it_asks_by_the_same_key(dagster_instance: dg.DagsterInstance) -> None:
    """Dagster starts one run a key."""
    sensor = sensor_of([FIRST])
    run(dagster_instance, fails="yes")
    assert tick(sensor, dagster_instance)[0] == tick(sensor, dagster_instance, "lost")[0]


@pytest.mark.parametrize(
    ("condition", "upstream", "tags", "is_met"),
    [
        (Condition.AT_LEAST_ONE_SKIPPED, [SECOND], {"fails": "yes"}, True),
        (Condition.AT_LEAST_ONE_FAILED, [SECOND], {"fails": "yes"}, False),
        (Condition.AT_LEAST_ONE_FAILED, ["work"], {"fails": "yes"}, True),
        (Condition.AT_LEAST_ONE_FAILED, ["work_more"], {"fails": "yes"}, False),
        (Condition.ALL_FAILED, [FIRST, SECOND], {"fails": "yes"}, False),
        (Condition.ALL_FAILED, [FIRST, "work"], {"fails": "yes"}, True),
        (Condition.ALL_SUCCEEDED, [FIRST, SECOND, "work"], {}, True),
        (Condition.ALL_SUCCEEDED, [FIRST, "work_more"], {}, False),
        (Condition.AT_LEAST_ONE_SUCCEEDED, [SECOND], {}, True),
    ],
)
def test_outcomes_of_assets_and_jobs_are_those_of_the_run(
    dagster_instance: dg.DagsterInstance,
    condition: Condition,
    upstream: list[str | dg.AssetKey],
    tags: dict[str, str],
    is_met: bool,
) -> None:
    """What comes after a failed step is skipped; a job that did not run is pending."""
    run_id = run(dagster_instance, **tags)
    assert asked(sensor_of(upstream, condition), dagster_instance) == ([run_id] if is_met else [])


def test_a_round_may_take_several_runs_and_ticks(dagster_instance: dg.DagsterInstance) -> None:
    sensor = sensor_of(["work", "work_more"], Condition.ALL_SUCCEEDED)
    run(dagster_instance, fails="yes")
    requests, cursor = tick(sensor, dagster_instance)
    assert requests == []
    run(dagster_instance)
    requests, cursor = tick(sensor, dagster_instance, cursor)
    assert requests == []
    last = run(dagster_instance, "work_more")
    (request,), cursor = tick(sensor, dagster_instance, cursor)
    assert request.run_key == f"watcher/{last}"
    run(dagster_instance)
    assert tick(sensor, dagster_instance, cursor)[0] == []


def test_a_run_that_is_started_anew_has_not_failed_yet(dagster_instance: dg.DagsterInstance) -> None:
    sensor, failed = sensor_of([FIRST, "work"]), run(dagster_instance, fails="yes")
    dagster_instance.add_run_tags(failed, {WILL_RETRY_TAG: "true"})
    requests, cursor = tick(sensor, dagster_instance)
    assert requests == []
    dagster_instance.add_run_tags(failed, {WILL_RETRY_TAG: "false"})
    assert len(tick(sensor, dagster_instance, cursor)[0]) == 1


@pytest.mark.parametrize(
    ("then", "is_asked"),
    [
        pytest.param({WILL_RETRY_TAG: "false"}, True, id="it could not be"),
        pytest.param({RETRIED_BY: "another"}, False, id="it was"),
        pytest.param({WILL_RETRY_TAG: "false", RETRIED_BY: "another"}, False, id="it was, when nobody believed it"),
    ],
)
def test_that_it_was_not_started_anew_counts_however_late_it_is_known(
    dagster_instance: dg.DagsterInstance, then: dict[str, str], is_asked: bool
) -> None:
    """Its code server was away, for longer than a run's end may take to be seen."""
    sensor, failed = sensor_of([FIRST]), run(dagster_instance, fails="yes")
    dagster_instance.add_run_tags(failed, {WILL_RETRY_TAG: "true"})
    seen = RunIfCursor(**json.loads(tick(sensor, dagster_instance)[1]))
    assert list(seen.waiting) == [failed]
    settled_until = time.time()
    cursor = to_json(replace(seen, settled_until=settled_until))
    assert tick(sensor, dagster_instance, cursor)[0] == []
    dagster_instance.add_run_tags(failed, then)
    requests, cursor = tick(sensor, dagster_instance, cursor)
    assert [request.run_key for request in requests] == [f"watcher/{failed}"] * is_asked
    assert all(float(request.tags[UNTIL_TAG]) >= settled_until for request in requests), "where a lost cursor goes on"
    assert tick(sensor, dagster_instance, cursor)[0] == []
    assert RunIfCursor(**json.loads(cursor)).waiting == {}


def test_a_run_has_not_failed_until_dagster_says_that_it_is_not_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so by a tag, a moment after the run ended."""
    with dg.DagsterInstance.ephemeral(settings={"run_retries": {"enabled": True}}) as instance:
        lost = planned(instance)
        with monkeypatch.context() as before:
            before.setattr(instance, "add_run_tags", lambda *_: None)
            instance.report_run_failed(lost, "gone")
        assert asked(sensor_of(["work"]), instance) == []
        instance.add_run_tags(lost.run_id, {WILL_RETRY_TAG: "false"})
        assert asked(sensor_of(["work"]), instance) == [lost.run_id]


def test_a_run_that_could_not_begin_has_failed_with_all_that_it_was_to_make(
    dagster_instance: dg.DagsterInstance,
) -> None:
    """Its process was killed, or the code did not load: no step says anything."""
    lost = planned(dagster_instance)
    dagster_instance.report_run_failed(lost, "gone")
    assert asked(sensor_of([SECOND]), dagster_instance) == [lost.run_id]


def test_a_run_that_a_person_ended_was_skipped(dagster_instance: dg.DagsterInstance) -> None:
    ended = planned(dagster_instance)
    dagster_instance.report_run_canceled(ended)
    assert asked(sensor_of([FIRST, "work"]), dagster_instance) == []
    assert asked(sensor_of([FIRST, "work"], Condition.AT_LEAST_ONE_SKIPPED), dagster_instance) == [ended.run_id]


def test_a_run_that_goes_on_has_no_outcome(dagster_instance: dg.DagsterInstance) -> None:
    planned(dagster_instance)
    assert asked(sensor_of(["work"], Condition.ALL_DONE), dagster_instance) == []


@pytest.mark.parametrize(("upstream", "found"), [([], "none"), (["work", "respond"], "respond, work")])
def test_a_sensor_watches_something_and_not_the_job_that_it_runs(upstream: list[str], found: str) -> None:
    with pytest.raises(PermanentError, match=f"watcher cannot watch that.*not respond itself; found: {found}"):
        sensor_of(upstream)


def test_failures_of_every_stage_are_looked_into_and_of_nothing_else() -> None:
    """A diagnosis that fails is none of them, so it never asks for another one."""
    (sensor,) = run_if_sensors(load_settings({}), CATALOG)
    assert sensor.job_name == DIAGNOSE
    watched = str(sensor.description).split(" of ")[1].rstrip(".").split(", ")
    assert watched == sorted({table.path for tables in job_tables(CATALOG).values() for table in tables})
