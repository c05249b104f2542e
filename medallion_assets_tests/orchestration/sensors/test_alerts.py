"""The sensors judge what the tables and Dagster know, and send what is due without reading what has not changed.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import dagster as dg
import pytest

from medallion_assets.contracts.documents import to_json
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import SettingsError
from medallion_assets.operations.alerts.facts import RunningStage
from medallion_assets.operations.alerts.marks import Marks
from medallion_assets.operations.alerts.outbox import take_due
from medallion_assets.operations.tables.alerts import Alert, raise_alerts, read_alerts
from medallion_assets.operations.tables.incident import Incident, read_incidents, record_incidents
from medallion_assets.operations.tables.pipeline_runs import Outcome, record_attempts
from medallion_assets.orchestration.alert_direct import unwritable
from medallion_assets.orchestration.assets.incidents import failure_alerts
from medallion_assets.orchestration.sensors.alerts import (
    SenderCursor,
    alert_rules_sensor,
    alert_sender_sensor,
    facts_of,
    is_quiet,
    outcome_sensors,
    queue_alerts,
    running_stages,
    skipped_days,
)
from medallion_assets.orchestration.wakes.event_notes import EventNotes
from medallion_assets.settings import load_settings
from medallion_assets.settings.schedules import DAILY
from medallion_assets_tests.graph import Graph, resource_of
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.services.listeners import web_server

FAILED: dict[str, Any] = {"outcome": Outcome.FAILED, "error": "the network broke", "error_kind": "OSError"}


def tick(
    sensor: dg.SensorDefinition,
    lakehouse: Lakehouse,
    instance: dg.DagsterInstance,
    *,
    cursor: str | None = None,
    now: datetime = NOW,
) -> Any:
    resource = resource_of(lakehouse, clock=lambda: now)
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"lakehouse": resource})
    with context:
        return sensor(context)


def test_the_rules_raise_what_they_find_once(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    record_attempts(lakehouse, [attempt(run_id="gone", **FAILED)])
    sensor = alert_rules_sensor(load_settings({}))
    first = tick(sensor, lakehouse, dagster_instance)
    assert first.skip_message.startswith(f"raised: failed/{SILVER}/")
    assert tick(sensor, lakehouse, dagster_instance).skip_message == "raised: nothing new"
    assert [alert["what"] for alert in read_alerts(lakehouse, since=NOW.date()).to_dicts()] == [
        f"{SILVER} failed: the network broke"
    ]


def test_a_queue_that_has_not_answered_for_a_while_is_an_alert_a_day(dagster_instance: dg.DagsterInstance) -> None:
    queue = {"MEDALLION_EXPORT_EVENTS_QUEUE": "https://sqs.test/1/exports", "MEDALLION_RAW_URL": "s3://exports/raw"}
    settings, notes = load_settings(queue), EventNotes(dagster_instance.run_storage)

    def alerts(seconds: float) -> list[str]:
        now = NOW + timedelta(seconds=seconds)
        assert list(queue_alerts(dagster_instance, load_settings({}), now)) == []
        return [alert.what for alert in queue_alerts(dagster_instance, settings, now)]

    assert alerts(0) == [], "a daemon that has just been started has noted nothing yet"
    notes.note("", NOW.timestamp())
    assert alerts(300) == []
    assert alerts(301) == ["the daemon has not polled the queue for 301 s"]
    notes.note("AccessDenied", NOW.timestamp() + 301)
    assert alerts(302) == []
    notes.note("AccessDenied", NOW.timestamp() + 602)
    assert alerts(602) == ["AccessDenied"]
    (alert,) = queue_alerts(dagster_instance, settings, NOW + timedelta(seconds=602))
    assert (alert.key, alert.kind) == (f"export_events/{NOW.date()}", "failure")


def test_runs_that_dagster_knows_are_left_to_their_end(graph: Graph, lakehouse: Lakehouse) -> None:
    run = graph.instance.create_run_for_job(graph.definitions.resolve_job_def("refine"))
    record_attempts(lakehouse, [attempt(run_id=run.run_id, **FAILED)])
    assert facts_of(lakehouse, graph.instance, load_settings({}), NOW).known_runs == {run.run_id}


@pytest.mark.parametrize(
    ("schedules", "day"),
    [
        ("{}", date(2025, 5, 7)),
        ('{"daily_gold_and_publish": []}', None),
        ('{"daily_gold_and_publish": "0 1 * * 1"}', None),  # NOW is a Thursday
        ('{"daily_gold_and_publish": "0 1 * * 4"}', date(2025, 5, 7)),
    ],
)
def test_a_day_is_due_where_a_schedule_closes_it(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance, schedules: str, day: date | None
) -> None:
    settings = load_settings({"MEDALLION_SCHEDULES": schedules, "MEDALLION_DAILY_DONE_BY": "05:30"})
    assert facts_of(lakehouse, dagster_instance, settings, NOW).days_due == ({} if day is None else {DAILY: day})


def test_a_stage_at_work_is_known_with_when_its_first_attempt_began() -> None:
    """The stage before it has ended, and another asset is no stage."""
    found: list[RunningStage] = []

    @dg.asset(key=["silver", "customer_transactions"])
    def ended() -> None:
        """Is done when the other one begins."""

    @dg.asset(key=["silver", "customers"], deps=[ended], retry_policy=dg.RetryPolicy(max_retries=1))
    def at_work(context: dg.AssetExecutionContext) -> None:
        found.extend(running_stages(context.instance, CATALOG, []))
        if context.retry_number == 0:
            raise ValueError

    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([ended, at_work], instance=instance).run_id
        assert list(running_stages(instance, CATALOG, [])) == []
    first, again = found
    assert first == again
    assert (first.run_id, first.job, first.stage) == (run, "__ephemeral_asset_job__", "silver.customers")
    assert timedelta(0) <= datetime.now(UTC) - first.started_at < timedelta(minutes=5)


def test_days_that_settings_leave_unclosed_are_told_once(lakehouse: Lakehouse) -> None:
    """NOW is the 8th: the 4th was published, and nobody closed the days up to the 6th; yesterday is not missed yet."""
    skips, closes = load_settings({"MEDALLION_MISSED_DAYS": "skip"}), load_settings({})
    with dg.DagsterInstance.ephemeral() as instance:
        assert list(skipped_days(instance, CATALOG, skips, NOW)) == []
        published = dg.AssetMaterialization(["serving", "daily_sales_metrics"], partition="2025-05-04")
        instance.report_runless_asset_event(published)
        assert list(skipped_days(instance, CATALOG, closes, NOW)) == []
        (alert,) = skipped_days(instance, CATALOG, skips, NOW)
        sensor = alert_rules_sensor(skips)
        key = "days_skipped/serving.daily_sales_metrics/2025-05-06"
        assert tick(sensor, lakehouse, instance).skip_message == f"raised: {key}"
        assert tick(sensor, lakehouse, instance, now=NOW + timedelta(hours=5)).skip_message == "raised: nothing new"
    assert (alert.kind, alert.where, alert.job) == ("skipped", "serving.daily_sales_metrics", DAILY)
    assert "not closed while the daemon was down: 2025-05-05, 2025-05-06;" in alert.what


def test_the_sender_sends_once_and_is_quiet_then(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    with web_server() as hook:
        named = {"MEDALLION_ALERTS_FAILURE": f"json://127.0.0.1:{hook.port}", "MEDALLION_COMMAND_PREFIX": "on-host"}
        settings = load_settings(named)
        sensor = alert_sender_sensor(settings)
        assert tick(sensor, lakehouse, dagster_instance).skip_reason.skip_message == "no alert was ever raised"
        alert = Alert(key="a", kind="failure", what="a failed", where="w", do="run `medallion status`")
        raise_alerts(lakehouse, [alert], NOW)
        said, cursor = [], None
        for seconds in (0, 30, 60):
            now = NOW + timedelta(seconds=seconds)
            result = tick(sensor, lakehouse, dagster_instance, cursor=cursor, now=now)
            said, cursor = [*said, result.skip_reason.skip_message], result.cursor
        assert said == ["1 were due", "0 were due", "nothing is due"]
        ((_, sent),) = hook.posts
        assert sent["title"] == "Failure: a failed"
        assert "What to do: run `on-host medallion status`" in sent["message"]


def test_without_channels_nothing_is_read(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    raise_alerts(lakehouse, [Alert(key="a", kind="failure", what="a failed", where="w", do="d")], NOW)
    result = tick(alert_sender_sensor(load_settings({})), lakehouse, dagster_instance)
    assert result.skip_reason.skip_message == "no channel is set"


def test_the_sender_reads_when_the_table_changed_or_something_is_due() -> None:
    """One that was made anew has changed, whatever its version is."""
    quiet = partial(is_quiet, table_id="a", version=4, now=NOW)
    waiting = to_json(SenderCursor(table_id="a", version=4, next_due_at=NOW))
    nothing = to_json(SenderCursor(table_id="a", version=4, next_due_at=None))
    assert quiet(waiting, now=NOW - timedelta(seconds=1))
    assert not quiet(waiting)
    assert quiet(nothing, now=NOW + timedelta(days=9))
    assert not quiet(nothing, version=5)
    assert not quiet(nothing, table_id="b")
    assert not any(map(quiet, (None, "", "{", "[]", "{}", '{"version": 4}', '{"version": 4, "next_due_at": null}')))


def test_a_url_that_makes_no_sense_is_refused_at_start_and_no_secret_is_in_a_definition() -> None:
    with pytest.raises(SettingsError, match=r"MEDALLION_ALERTS_SKIPPED: URL 1 is not a valid Apprise URL;"):
        outcome_sensors(load_settings({"MEDALLION_ALERTS_SKIPPED": "nonsense"}))
    sensors = outcome_sensors(load_settings({"MEDALLION_ALERTS_FAILURE": "json://user:Tr0ub4dor@localhost"}))
    assert [sensor.name for sensor in sensors] == ["run_outcomes", "alert_rules", "alert_sender"]
    assert sensors[-1].description == "Sends alerts to failure[0] json."


def test_the_incident_of_a_stage_that_has_done_what_failed_is_ended(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    failed_at = NOW - timedelta(hours=2)
    broken = Incident(
        run_id="r1", job="refine", stage=SILVER, error="no", headline="no", failed_at=failed_at, raised_at=NOW
    )
    record_incidents(lakehouse, [broken])
    record_attempts(lakehouse, [attempt(run_id="r1", ago=7300, **FAILED)])
    tick(alert_rules_sensor(load_settings({})), lakehouse, dagster_instance)
    assert read_incidents(lakehouse) == [broken]
    record_attempts(lakehouse, [attempt(run_id="r2", ago=3600)])
    tick(alert_rules_sensor(load_settings({})), lakehouse, dagster_instance)
    assert read_incidents(lakehouse) == [replace(broken, ended_at=NOW - timedelta(hours=1))]


@pytest.mark.parametrize(("wanted", "told"), [("yes", 1), ("no", 0)])
def test_people_hear_once_that_a_failure_is_over(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance, wanted: str, told: int
) -> None:
    failed_at = NOW - timedelta(hours=2)
    broken = Incident(
        run_id="r1", job="refine", stage=SILVER, error="no", headline="no", failed_at=failed_at, raised_at=NOW
    )
    (alert,) = failure_alerts(lakehouse, [broken])
    raise_alerts(lakehouse, [alert], failed_at)
    record_incidents(lakehouse, [broken])
    record_attempts(lakehouse, [attempt(run_id="r2", ago=3600)])
    for _ in range(2):
        tick(alert_rules_sensor(load_settings({"MEDALLION_ALERT_RECOVERIES": wanted})), lakehouse, dagster_instance)
    keys = read_alerts(lakehouse, since=date(2025, 5, 1))["key"].to_list()
    assert [key for key in keys if key.endswith(alert.key)] == [alert.key, f"recovered/{alert.key}"][: 1 + told]


def test_that_the_lakehouse_takes_no_writes_is_over_when_it_does(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    """Channels were sent that without the outbox, which takes it over with who has it."""
    settings = load_settings({"MEDALLION_ALERTS_FAILURE": "json://127.0.0.1:9"})
    key = unwritable(lakehouse, OSError("full"), NOW).key
    sensor = alert_rules_sensor(settings)
    assert tick(sensor, lakehouse, dagster_instance).skip_message == "raised: nothing new"
    Marks(dagster_instance.run_storage).note("failure[0] json", key, NOW)
    said = [tick(sensor, lakehouse, dagster_instance).skip_message for _ in range(3)]
    assert said == [f"raised: {key}", f"raised: recovered/{key}", "raised: nothing new"]
    takes = {"failure[0] json": lambda _: True, "failure[1] json": lambda _: True}
    due = take_due(lakehouse, takes, NOW).due
    assert [(delivery.channel, delivery.alert.key) for delivery in due] == [
        ("failure[0] json", f"recovered/{key}"),
        ("failure[1] json", key),
    ]
