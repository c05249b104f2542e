"""A run that cannot be read is reported; neither it nor a row with an absurd value hides what happened to others."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import text

from medallion_assets.contracts.documents import to_json
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.day_ledger import DayLedger
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.alerts.rules import alerts_of
from medallion_assets.operations.tables.alerts import open_alerts, read_alerts, read_events
from medallion_assets.operations.tables.incident import Incident, read_incidents, record_incidents
from medallion_assets.operations.tables.pipeline_runs import Outcome, read_attempts
from medallion_assets.operations.unread import Unread
from medallion_assets.orchestration.requests import runs_that_write
from medallion_assets.orchestration.run_records import readable_records
from medallion_assets.orchestration.runs import watch
from medallion_assets.orchestration.runs.locks import take
from medallion_assets.orchestration.runs.lost_attempts import record_recently_lost
from medallion_assets.orchestration.runs.pools import release_pools
from medallion_assets.orchestration.runs.whereabouts import at_work, folder_of
from medallion_assets.orchestration.sensors.alerts import alert_rules_sensor, facts_of, running_stages
from medallion_assets.orchestration.sensors.restated.logs import LogPosition
from medallion_assets.orchestration.sensors.restated.runs import ABOUT_TAG, AskedDays, past_runs
from medallion_assets.orchestration.sensors.run_if import SENSOR_TAG, UNTIL_TAG, finished_runs, recovered
from medallion_assets.orchestration.sensors.run_outcomes import run_outcome_sensor
from medallion_assets.orchestration.steps import step_names
from medallion_assets.orchestration.trigger_context import TRIGGER_TAG
from medallion_assets.settings import load_settings
from medallion_assets.triggers.run_if import RunIfCursor
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt, attempts
from medallion_assets_tests.pipeline import CATALOG

FAILURE = dg.DagsterRunStatus.FAILURE


NAMES = ("before", "odd", "after")
GOLD = CATALOG.gold[0].table
READING = LogPosition(ledger=DayLedger(as_of=False), tables=("gold", "silver"))


def add(instance: dg.DagsterInstance, run_id: str, status: dg.DagsterRunStatus = FAILURE, **tags: str) -> None:
    instance.add_run(dg.DagsterRun(run_id=run_id, job_name="refine", status=status, tags=tags))


def fail(instance: dg.DagsterInstance, run_id: str, **tags: str) -> None:
    """A run for a restated day whose stage began, and was killed."""
    asked = AskedDays(builds=True, table=GOLD.short_name, version=NAMES.index(run_id), table_id="silver")
    tags = {ABOUT_TAG: to_json(asked), TRIGGER_TAG: "restated", **tags}
    add(instance, run_id, dg.DagsterRunStatus.STARTED, **tags)
    (step,) = (key for key, stage in step_names(CATALOG).items() if stage == SILVER)
    for kind in (dg.DagsterEventType.STEP_START, dg.DagsterEventType.RUN_FAILURE):
        key = step if kind is dg.DagsterEventType.STEP_START else None
        instance.report_dagster_event(dg.DagsterEvent(kind.value, "refine", step_key=key), run_id=run_id)


def spoil(instance: dg.DagsterInstance, run_id: str) -> None:
    """Leave of a run what no release of Dagster reads."""
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        connection.execute(text(f"update runs set run_body = '{{' || run_body where run_id = '{run_id}'"))


def mend(instance: dg.DagsterInstance, run_id: str) -> None:
    """Undo `spoil`."""
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        connection.execute(text(f"update runs set run_body = substr(run_body, 2) where run_id = '{run_id}'"))


def tick(sensor: dg.SensorDefinition, lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
    resource = resource_of(lakehouse)
    with dg.build_sensor_context(instance=instance, resources={"lakehouse": resource}) as context:
        sensor(context)


def test_runs_are_read_one_by_one_where_one_breaks_them_all(dagster_instance: dg.DagsterInstance) -> None:
    for run_id in ("before", "odd", "after"):
        add(dagster_instance, run_id)
    spoil(dagster_instance, "odd")
    unread: list[Unread] = []
    records = readable_records(dagster_instance, dg.RunsFilter(statuses=[FAILURE]), unread)
    assert {record.dagster_run.run_id for record in records} == {"before", "after"}
    assert [missing.what for missing in unread] == ["run odd"]


def seen_by_conditions(_: Lakehouse, instance: dg.DagsterInstance) -> set[str]:
    with dg.build_sensor_context(instance=instance) as context:
        return {run.run_id for run in finished_runs(context, ["refine"], RunIfCursor(settled_until=0))}


def given_rows(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> set[str]:
    record_recently_lost(lakehouse, instance, datetime.now(UTC))
    return set(read_attempts(lakehouse)["run_id"])


def asked_before(_: Lakehouse, instance: dg.DagsterInstance) -> set[str]:
    return {NAMES[run.version] for run in past_runs(instance, GOLD, READING)}


@pytest.mark.parametrize("seen", [seen_by_conditions, given_rows, asked_before])
def test_what_the_others_did_is_seen_though_one_cannot_be_read(
    seen: Callable[[Lakehouse, dg.DagsterInstance], set[str]],
    lakehouse: Lakehouse,
    dagster_instance: dg.DagsterInstance,
) -> None:
    """Else conditions are never met, the monitor's first asset fails, and late days are not asked for."""
    for run_id in NAMES:
        fail(dagster_instance, run_id)
    spoil(dagster_instance, "odd")
    assert seen(lakehouse, dagster_instance) == {"before", "after"}


def test_attempts_get_their_rows_though_the_events_of_one_run_cannot_be_read(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    for run_id in NAMES:
        fail(dagster_instance, run_id)
    with dagster_instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        connection.execute(text("update event_logs set event = '{' || event where run_id = 'odd'"))
    assert given_rows(lakehouse, dagster_instance) == {"before", "after"}


def test_a_sensor_without_its_cursor_goes_on_after_the_last_run_that_can_be_read(
    dagster_instance: dg.DagsterInstance,
) -> None:
    for number, run_id in enumerate(NAMES[:2]):
        fail(dagster_instance, run_id, **{SENSOR_TAG: "watcher", UNTIL_TAG: str(float(number))})
    spoil(dagster_instance, "odd")
    assert recovered(dagster_instance, "watcher", 9e9).settled_until == 0.0


def test_the_pools_of_a_run_that_cannot_be_read_are_freed(
    dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it holds nobody else could use."""
    for run_id in NAMES:
        add(dagster_instance, run_id)
    spoil(dagster_instance, "odd")
    storage, freed = dagster_instance.event_log_storage, list[str]()
    monkeypatch.setattr(type(storage), "supports_global_concurrency_limits", True)
    monkeypatch.setattr(storage, "get_concurrency_run_ids", lambda: {"odd", "after"})
    monkeypatch.setattr(storage, "free_concurrency_slots_for_run", freed.append)
    release_pools(dagster_instance)
    assert set(freed) == {"odd", "after"}


def test_a_run_at_work_that_cannot_be_read_is_at_work_until_its_process_is_gone(
    dagster_instance: dg.DagsterInstance,
) -> None:
    for run_id in ("odd", "after"):
        add(dagster_instance, run_id, dg.DagsterRunStatus.STARTED)
    spoil(dagster_instance, "odd")
    unknown = "odd (it cannot be read: see whether its process lives)"
    assert list(at_work(dagster_instance)) == ["refine after", unknown]
    hold = take(folder_of(dagster_instance), "odd")
    assert hold is not None
    watch.look(dagster_instance, datetime.now(UTC).timestamp())
    assert list(at_work(dagster_instance)) == ["refine after", unknown]
    hold.let_go()
    assert list(at_work(dagster_instance)) == ["refine after"]


def test_runs_at_work_are_known_though_one_of_them_cannot_be_read(
    dagster_instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    """Else every sensor that asks for runs would fail at each tick, and the watch over runs too."""
    for run_id in ("before", "odd", "after"):
        add(dagster_instance, run_id, dg.DagsterRunStatus.STARTED)
    spoil(dagster_instance, "odd")
    (table,) = (loaded.table for loaded in CATALOG.loaded if loaded.table.name == SILVER)
    found = runs_that_write(dagster_instance, CATALOG, [table])
    assert {run.run_id for run in found} == {"before", "after"}
    assert "run odd cannot be read, and is left out" in caplog.text


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING, FAILURE])
def test_the_others_are_watched_though_one_cannot_be_read(
    dagster_instance: dg.DagsterInstance, status: dg.DagsterRunStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run_id in ("before", "odd", "after"):
        add(dagster_instance, run_id, status)
    spoil(dagster_instance, "odd")
    seen = list[str]()
    for name in ("_look_at_start", "_look_at_cancellation"):
        monkeypatch.setattr(watch, name, lambda _, run, __: seen.append(run.run_id))
    watch.look(dagster_instance, datetime.now(UTC).timestamp())
    assert set(seen) == (set() if status is FAILURE else {"before", "after"})


def test_a_run_that_ended_and_cannot_be_read_is_told_and_so_are_the_others(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    for run_id in ("odd", "broken"):
        add(dagster_instance, run_id)
    spoil(dagster_instance, "odd")
    for _ in range(2):
        tick(run_outcome_sensor(load_settings({})), lakehouse, dagster_instance)
    told = read_alerts(lakehouse, since=(datetime.now(UTC) - timedelta(days=1)).date()).to_dicts()
    assert sorted((alert["kind"], alert["what"].partition(": ")[0]) for alert in told) == [
        ("failure", "refine failed"),
        ("warning", "the alert rules cannot read run odd"),
    ]


def test_it_is_over_when_the_run_can_be_read(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    """Whichever sensor had to do with it."""
    add(dagster_instance, "odd")
    spoil(dagster_instance, "odd")
    tick(run_outcome_sensor(load_settings({})), lakehouse, dagster_instance)

    def known() -> list[str]:
        tick(alert_rules_sensor(load_settings({})), lakehouse, dagster_instance)
        return list(open_alerts(read_events(lakehouse, datetime.now(UTC))))

    assert "blind/run odd" in known()
    mend(dagster_instance, "odd")
    assert "blind/run odd" not in known()


def test_an_incident_ends_although_the_newest_run_cannot_be_read(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    """It is the success of a job no stage of which began; another has succeeded before."""
    failed_at = datetime.now(UTC) - timedelta(hours=1)
    record_incidents(
        lakehouse,
        [
            Incident(
                run_id="r",
                job="refine",
                stage="refine",
                error="no",
                headline="no",
                failed_at=failed_at,
                raised_at=failed_at,
            )
        ],
    )
    for run_id in ("good", "odd"):
        add(dagster_instance, run_id, dg.DagsterRunStatus.STARTED)
        dagster_instance.report_dagster_event(
            dg.DagsterEvent(event_type_value="PIPELINE_START", job_name="refine"), run_id=run_id
        )
        dagster_instance.report_dagster_event(
            dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name="refine"), run_id=run_id
        )
    spoil(dagster_instance, "odd")
    tick(alert_rules_sensor(load_settings({})), lakehouse, dagster_instance)
    (incident,) = read_incidents(lakehouse)
    assert incident.ended_at is not None


def test_a_run_at_work_that_cannot_be_read_blinds_no_rule(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    add(dagster_instance, "odd", dg.DagsterRunStatus.STARTED)
    spoil(dagster_instance, "odd")
    unread: list[Unread] = []
    assert list(running_stages(dagster_instance, CATALOG, unread)) == []
    assert [missing.what for missing in unread] == ["run odd"]
    assert [missing.what for missing in facts_of(lakehouse, dagster_instance, load_settings({}), NOW).unread] == [
        "run odd"
    ]


@pytest.mark.parametrize("seconds", [math.inf, -math.inf, math.nan, 1e300])
@pytest.mark.parametrize("score", [math.nan, math.inf, -5.0])
def test_a_row_with_absurd_figures_hides_no_other(seconds: float, score: float) -> None:
    odd = attempt(run_id="odd", duration_seconds=seconds, quality_score=score, records_in=10**9)
    poor = attempt(run_id="poor", records_in=100, quality_score=0.5)
    failed = attempt(
        run_id="failed", stage="silver.customers", outcome=Outcome.FAILED, error="no", error_kind="OSError"
    )
    slow = attempt(run_id="slow", stage="silver.customers", ago=90_000, duration_seconds=8000.0)
    facts = AlertFacts(attempts=attempts(odd, poor, slow, failed), catalog=CATALOG)
    found = {alert.key.split("/")[0]: alert for alert in alerts_of(facts, NOW)}
    assert {"quality", "failed", "slow"} <= found.keys()
    assert "blind" not in found
    assert found["quality"].what.startswith(f"over 7 days 50.00% of the records of {SILVER}")
