"""People hear about runs that ended: each failure once a cause, and what settings ask for.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from medallion_assets.contracts.documents import to_json
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.operations.alerts.failures import unseen_failures
from medallion_assets.operations.tables.alerts import read_alerts
from medallion_assets.operations.tables.incident import Incident
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.alert_direct import PartlySentError
from medallion_assets.orchestration.reporting import stage_errors
from medallion_assets.orchestration.runs.diagnosis import diagnose
from medallion_assets.orchestration.runs.outcomes import WILL_RETRY_TAG
from medallion_assets.orchestration.sensors import run_outcomes
from medallion_assets.orchestration.sensors.run_outcomes import (
    LATE_SECONDS,
    LOOK_BACK_HOURS,
    OutcomesCursor,
    run_outcome_sensor,
)
from medallion_assets.orchestration.trigger_context import CAUSE_TAG
from medallion_assets.settings import load_settings
from medallion_assets.storage.failures import store_errors
from medallion_assets_tests.graph import Graph, resource_of

NOW = datetime(2025, 5, 8, 15, tzinfo=UTC)
CUSTOMERS = dg.AssetKey(["silver", "customers"])


@dg.asset(key=CUSTOMERS)
def customers(context: dg.AssetExecutionContext) -> None:
    tags = context.run.tags
    if "unanswered" in tags:
        with stage_errors(), store_errors(tags["unanswered"], is_object=True):
            raise TimeoutError(tags["found"])
    if "fails" in tags:
        with stage_errors():
            raise PermanentError(tags["fails"], found=tags.get("found"), export_id=tags.get("export"))


DEFINITIONS = dg.Definitions(
    assets=[customers], jobs=[dg.define_asset_job("refine", [customers], executor_def=dg.in_process_executor)]
)
FOREIGN = dg.Definitions(
    assets=[customers], jobs=[dg.define_asset_job("elsewhere", [customers], executor_def=dg.in_process_executor)]
)


def run(instance: dg.DagsterInstance, **tags: str) -> str:
    job = DEFINITIONS.resolve_job_def("refine")
    return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).run_id


def tick(
    lakehouse: Lakehouse,
    instance: dg.DagsterInstance,
    cursor: str | None = None,
    *,
    alert_jobs: Mapping[str, str] | None = None,
    most_runs: int = 20,
    definitions: dg.Definitions = DEFINITIONS,
) -> str:
    """One tick of the sensor; its cursor."""
    settings = load_settings({"MEDALLION_ALERT_JOBS": json.dumps(alert_jobs or {})})
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        repository_def=definitions.get_repository_def(),
        resources={"lakehouse": resource_of(lakehouse)},
    )
    with context:
        result = run_outcome_sensor(settings, most_runs=most_runs)(context)
    assert isinstance(result, dg.SensorResult)
    return str(result.cursor)


def told(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    return read_alerts(lakehouse, since=date(2025, 1, 1)).to_dicts()


def test_a_run_that_failed_is_told_once_with_its_run(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    failed = run(dagster_instance, fails="no space left")
    cursor = tick(lakehouse, dagster_instance)
    tick(lakehouse, dagster_instance, cursor)
    tick(lakehouse, dagster_instance)
    (alert,) = told(lakehouse)
    assert (alert["kind"], alert["run_id"], alert["job"]) == ("failure", failed, "refine")
    assert alert["what"] == "silver.customers failed: no space left"


def test_the_same_cause_is_told_once_and_another_one_again(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    """The gate stops the same export in every run, with other figures each time."""
    for score in ("0.91", "0.90"):
        run(dagster_instance, fails="it failed the quality gate", export="01746057600000-0000000a", found=score)
    run(dagster_instance, fails="it failed the quality gate", export="01746144000000-0000000b")
    tick(lakehouse, dagster_instance)
    assert [alert["key"] for alert in told(lakehouse)] == [
        "failed/silver.customers/01746057600000-0000000a",
        "failed/silver.customers/01746144000000-0000000b",
    ]


def test_an_error_is_the_same_cause_by_what_it_says_is_wrong_and_not_by_what_it_found(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    """An outage meets another file in each run."""
    for file, seconds in (("a.json.gz", "30 s"), ("b.json.gz", "31 s")):
        run(dagster_instance, unanswered=file, found=seconds)
    run(dagster_instance, fails="no access to the store", found="30 s")
    tick(lakehouse, dagster_instance)
    assert sorted(alert["what"] for alert in told(lakehouse)) == [
        "silver.customers failed: no access to the store; found: 30 s",
        "silver.customers failed: the store did not answer; found: a.json.gz: 30 s",
    ]


def test_a_run_that_dagster_starts_anew_has_not_failed_yet(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    again = run(dagster_instance, fails="gone")
    dagster_instance.add_run_tags(again, {WILL_RETRY_TAG: "true"})
    cursor = tick(lakehouse, dagster_instance)
    assert told(lakehouse) == []
    dagster_instance.add_run_tags(again, {WILL_RETRY_TAG: "false"})  # it was not after all
    tick(lakehouse, dagster_instance, cursor)
    assert [alert["run_id"] for alert in told(lakehouse)] == [again]


def test_success_is_told_where_settings_ask_for_every_run(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    done = run(dagster_instance, **{CAUSE_TAG: "bronze.customers@4"})
    cursor = tick(lakehouse, dagster_instance, alert_jobs={"refine": "failures", "ingest": "every_run"})
    assert told(lakehouse) == []
    tick(lakehouse, dagster_instance, cursor)
    tick(lakehouse, dagster_instance, alert_jobs={"refine": "every_run"})
    (alert,) = told(lakehouse)
    assert (alert["kind"], alert["run_id"], alert["what"]) == ("success", done, "refine succeeded")
    assert "bronze.customers@4" in alert["where"]


def test_a_canceled_run_counts_as_skipped(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    canceled = dagster_instance.create_run_for_job(DEFINITIONS.resolve_job_def("refine"))
    dagster_instance.report_run_canceled(canceled)
    tick(lakehouse, dagster_instance)
    (alert,) = told(lakehouse)
    assert (alert["kind"], alert["run_id"]) == ("skipped", canceled.run_id)


def test_a_run_that_never_began_is_told_with_what_dagster_says(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    lost = dagster_instance.create_run_for_job(DEFINITIONS.resolve_job_def("refine"))
    dagster_instance.report_run_failed(lost, "its process is gone")
    tick(lakehouse, dagster_instance)
    (alert,) = told(lakehouse)
    assert alert["run_id"] == lost.run_id
    assert "its process is gone" in alert["what"]


def test_runs_of_other_code_locations_are_not_ours(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    run(dagster_instance, fails="gone")
    tick(lakehouse, dagster_instance, definitions=FOREIGN)
    assert told(lakehouse) == []


def test_a_tick_looks_at_a_bounded_number_and_the_next_goes_on(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    job = DEFINITIONS.resolve_job_def("refine")
    for _ in range(4):
        dagster_instance.report_run_canceled(dagster_instance.create_run_for_job(job))
    cursor = tick(lakehouse, dagster_instance, most_runs=3)
    assert len(told(lakehouse)) == 3
    tick(lakehouse, dagster_instance, cursor, most_runs=3)
    assert len(told(lakehouse)) == 4


def test_a_real_stage_that_failed_is_told_with_what_to_do(refined: Graph) -> None:
    """Its row and Dagster's event name the same cause, so that the rule about failed stages tells it no second time."""
    failed = refined.run("serving/daily_sales_metrics", first=date(2025, 1, 2)).result.run_id
    lakehouse = refined.lakehouse
    tick(lakehouse, refined.instance, definitions=refined.definitions)
    (alert,) = [alert for alert in told(lakehouse) if alert["run_id"] == failed]
    assert (alert["kind"], alert["where"]) == ("failure", "serving.daily_sales_metrics, 2025-01-02")
    assert alert["do"].startswith("run gold/daily_sales_summary")
    attempts, now = read_attempts(lakehouse), datetime.now(UTC) + timedelta(hours=1)
    assert [alert.key for alert in unseen_failures(attempts, now) if alert.run_id == failed] == [alert["key"]]


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        '{"until": 5}',
        '{"until": "2025-05-08T00:00:00", "handled": {}}',
        '{"until": "2025-05-08", "handled": 3}',
    ],
)
def test_a_cursor_that_cannot_be_read_looks_back_a_day(text: str | None) -> None:
    assert OutcomesCursor.load(text, NOW) == OutcomesCursor(until=NOW - timedelta(hours=LOOK_BACK_HOURS))


def test_a_clock_that_was_set_back_hides_no_run(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    """Runs that end from then on are dated before what the cursor has seen; those that were told stay so."""
    told_before = run(dagster_instance, fails="it broke before")
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    cursor = json.dumps({"until": ahead, "handled": {told_before: ahead}})
    failed = run(dagster_instance, fails="it broke")
    cursor = tick(lakehouse, dagster_instance, cursor)
    tick(lakehouse, dagster_instance, cursor)
    assert [alert["run_id"] for alert in told(lakehouse)] == [failed]
    assert datetime.fromisoformat(json.loads(cursor)["until"]) < datetime.now(UTC) + timedelta(minutes=1)


def test_a_run_that_cannot_be_looked_into_hides_no_other(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, failed = run(dagster_instance, fails="odd"), run(dagster_instance, fails="it broke")

    def diagnose_but_one(some: dg.DagsterInstance, of: dg.DagsterRun, *, now: datetime) -> list[Incident]:
        if of.run_id == odd:
            raise IndexError(odd)
        return diagnose(some, of, now=now)

    monkeypatch.setattr("medallion_assets.orchestration.sensors.run_outcomes.diagnose", diagnose_but_one)
    tick(lakehouse, dagster_instance)
    assert {alert["run_id"] for alert in told(lakehouse)} == {odd, failed}


def test_the_cursor_keeps_what_may_be_seen_again() -> None:
    near, far = NOW - timedelta(seconds=LATE_SECONDS), NOW - timedelta(seconds=LATE_SECONDS + 1)
    cursor = OutcomesCursor(until=far).after("far", far).after("near", near).after("last", NOW).after("earlier", near)
    assert cursor == OutcomesCursor(until=NOW, handled={"near": near, "last": NOW, "earlier": near})
    assert OutcomesCursor.load(to_json(cursor), NOW) == cursor


def test_a_broken_channel_keeps_no_run_from_the_others(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More runs than one tick looks at; those that a channel still has to hear of stay, and no others."""
    told: list[str] = []

    def send_to_some(*arguments: Any) -> None:
        told.extend(str(alert.run_id) for alert in arguments[3])
        raise PartlySentError("one channel is broken", expected="an answer", found="none", do="nothing")

    runs = [run(dagster_instance, fails="it broke", number=str(number)) for number in range(5)]
    with monkeypatch.context() as broken:
        broken.setattr(run_outcomes, "keep_or_send", send_to_some)
        cursor = tick(lakehouse, dagster_instance, tick(lakehouse, dagster_instance, most_runs=3), most_runs=3)
    assert set(runs) <= set(told)
    for _ in range(2):
        cursor = tick(lakehouse, dagster_instance, cursor, most_runs=3)
    assert set(json.loads(cursor)["handled"]) == set(runs)
    assert json.loads(cursor)["waiting"] == []
    dagster_instance.delete_run(runs[0])
    assert (
        json.loads(tick(lakehouse, dagster_instance, cursor.replace('"waiting":[]', f'"waiting":["{runs[0]}"]')))[
            "waiting"
        ]
        == []
    )
