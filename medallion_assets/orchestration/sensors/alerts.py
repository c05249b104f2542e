"""Alert sensors: what calls for an alert is looked for every few minutes, and sent as soon as a channel takes it.

Belongs here: the sensors, and what only Dagster knows of the facts.
Does not: the rules, sending, or runs that end.

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.documents import Moment, from_json_or_none, to_json
from medallion_assets.contracts.moments import last_business_day
from medallion_assets.contracts.sensor_names import ALERT_RULES, ALERT_SENDER
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import MedallionError
from medallion_assets.operations.alerts.channels import Channel, channels_of
from medallion_assets.operations.alerts.delivery import Host, check_alert_urls, deliver_due
from medallion_assets.operations.alerts.facts import AlertFacts, RunningStage, read_facts
from medallion_assets.operations.alerts.failures import WINDOW_DAYS
from medallion_assets.operations.alerts.marks import Marks
from medallion_assets.operations.alerts.notices import days_skipped
from medallion_assets.operations.alerts.outbox import LONGEST_REST_SECONDS, TAKEN_SECONDS, waiting_alerts
from medallion_assets.operations.alerts.recoveries import recoveries
from medallion_assets.operations.alerts.rules import alerts_of, said_by
from medallion_assets.operations.alerts.standing import runs_unread, standing_conditions
from medallion_assets.operations.stages import last_stages
from medallion_assets.operations.tables.alerts import ALERTS, KEPT_DAYS, Alert, raise_alerts
from medallion_assets.operations.tables.incident import end_incidents, read_incidents
from medallion_assets.operations.tables.incident_ends import ended_incidents
from medallion_assets.operations.unread import Unread
from medallion_assets.orchestration.alert_direct import (
    keep_or_send,
    send_directly,
    takes_no_writes,
    unwritable,
    unwritable_before,
)
from medallion_assets.orchestration.closing.daily import unclosed_days
from medallion_assets.orchestration.closing.lines import daily_lines, days_due
from medallion_assets.orchestration.hosting.shell_commands import ticks_in_messages
from medallion_assets.orchestration.requests import sensor_status
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.run_records import readable_records, unread_run
from medallion_assets.orchestration.runs.outcomes import done_without_row
from medallion_assets.orchestration.sensors.cadence import minimum_interval
from medallion_assets.orchestration.sensors.run_outcomes import run_outcome_sensor
from medallion_assets.orchestration.steps import step_names
from medallion_assets.orchestration.wakes.event_notes import DO, EventNotes
from medallion_assets.settings import Settings
from medallion_assets.settings.schedules import DAILY

RULES_SECONDS, SENDER_SECONDS = 300, 30
LONGEST_QUIET = timedelta(seconds=LONGEST_REST_SECONDS + TAKEN_SECONDS)
"""Nothing that waits is due later: what says so was written by a clock that has been set back since."""
MOST_RUNNING = 20
"""Runs whose stages are looked at while they are at work; there are 3 at once, unless somebody raised that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderCursor:
    """What the sender found: the version of the table that it read, and when something was due next."""

    version: int
    next_due_at: Moment | None
    table_id: str = ""


def outcome_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors that alert people: `run_outcomes`, `alert_rules` and `alert_sender`.

    Raises:
        SettingsError: an alert URL makes no sense; the message names its variable and position alone.
    """
    check_alert_urls(settings)
    return [run_outcome_sensor(settings), alert_rules_sensor(settings), alert_sender_sensor(settings)]


def alert_rules_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that looks at the facts."""

    @dg.sensor(
        name=ALERT_RULES,
        minimum_interval_seconds=minimum_interval(RULES_SECONDS),
        default_status=sensor_status(settings),
        description="Raises alerts: quality, freshness, gaps, refused batches, slow runs, the daily close.",
    )
    @ticks_in_messages()
    def alert_rules(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SkipReason:
        lake, now = lakehouse.lakehouse(), lakehouse.now()
        facts = facts_of(lake, context.instance, settings, now)
        found = alerts_of(facts, now)
        try:
            found += said_by("queue_alerts", partial(queue_alerts, context.instance, settings, now), now)
            skipped = partial(skipped_days, context.instance, lakehouse.catalog, settings, now)
            found += said_by("skipped_days", skipped, now)
            unkept = unwritable_before(lake, context.instance, settings, now)
            fresh = keep_or_send(lake, context.instance, settings, [*unkept, *found], now).new
            end_incidents(lake, ended_incidents(lake, now, partial(done_without_row, context.instance)))
            fresh += report_ends(lake, facts, found, settings, now)
        except LAKEHOUSE_ERRORS as error:
            return dg.SkipReason(f"alerts cannot be kept: {error}")
        return dg.SkipReason(f"raised: {', '.join(alert.key for alert in fresh) or 'nothing new'}")

    return alert_rules


def report_ends(
    lakehouse: Lakehouse, facts: AlertFacts, found: Sequence[Alert], settings: Settings, now: datetime
) -> list[Alert]:
    """Raise a message for each condition that people know of and that has ended; gives those messages.

    `found` are the alerts that hold now.
    """
    if not facts.open_alerts:
        return []
    since = (now - timedelta(days=KEPT_DAYS + WINDOW_DAYS)).date()
    known = replace(facts, incidents=read_incidents(lakehouse, since=since))
    over = recoveries(facts.open_alerts, standing_conditions(known, found, now))
    return raise_alerts(lakehouse, over, now, is_sent=settings.reports_recoveries)


def alert_sender_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that sends alerts; it reads the table only when that has changed or something is due."""
    channels = channels_of(settings)
    names = ", ".join(channel.name for channel in channels) or "nobody: no channel is set"

    @dg.sensor(
        name=ALERT_SENDER,
        minimum_interval_seconds=minimum_interval(SENDER_SECONDS),
        default_status=sensor_status(settings),
        description=f"Sends alerts to {names}.",
    )
    @ticks_in_messages()
    def alert_sender(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult:
        lake, now = lakehouse.lakehouse(), lakehouse.now()
        marks = Marks(context.instance.run_storage)
        try:
            if not channels or not lake.exists(ALERTS):
                return dg.SensorResult(skip_reason="no channel is set" if not channels else "no alert was ever raised")
            table = lake.open(ALERTS)
            if is_quiet(context.cursor, table_id=table.table_id, version=table.version, now=now):
                return dg.SensorResult(skip_reason="nothing is due", cursor=context.cursor)
            due_alerts = deliver_due(lake, channels, host=Host.of(settings), now=now, marks=marks)
        except LAKEHOUSE_ERRORS as error:
            if not takes_no_writes(error):
                raise
            said = sent_without_outbox(lake, channels, marks, settings, error, now)
            return dg.SensorResult(skip_reason=said, cursor=context.cursor)
        version, next_due_at = due_alerts.version, due_alerts.next_due_at
        seen = SenderCursor(table_id=table.table_id, version=version, next_due_at=next_due_at)
        return dg.SensorResult(skip_reason=f"{len(due_alerts.due)} were due", cursor=to_json(seen))

    return alert_sender


def sent_without_outbox(
    lakehouse: Lakehouse,
    channels: Sequence[Channel],
    marks: Marks,
    settings: Settings,
    error: Exception,
    now: datetime,
) -> str:
    """Send what waits although the outbox accepts no writes; says what became of it."""
    names = {channel.name: channel.takes for channel in channels}
    waiting = [unwritable(lakehouse, error, now), *waiting_alerts(lakehouse, names, now)]
    try:
        sent = send_directly(channels, marks, waiting, Host.of(settings), now)
    except MedallionError as failure:
        return f"alerts cannot be sent: {failure}"
    return f"{len(sent)} were sent without the outbox: {error}"


def is_quiet(cursor: str | None, *, table_id: str, version: int, now: datetime) -> bool:
    """Whether nothing can be due: the table is as it was when it was last read, and nothing was due until now."""
    seen = from_json_or_none(SenderCursor, cursor)
    if seen is None or (seen.table_id, seen.version) != (table_id, version):
        return False
    return seen.next_due_at is None or now < seen.next_due_at <= now + LONGEST_QUIET


def facts_of(lakehouse: Lakehouse, instance: dg.DagsterInstance, settings: Settings, now: datetime) -> AlertFacts:
    """The facts of the tables, with what only Dagster and the settings know. A run that cannot be read is `unread`."""
    unread: list[Unread] = []
    running = list(running_stages(instance, lakehouse.catalog, unread))
    facts = read_facts(
        lakehouse,
        now,
        running=running,
        days_due=days_due(lakehouse.catalog, settings, now),
        first_day=settings.first_day,
    )
    last = facts.attempts.unique("stage", keep="last", maintain_order=True)["run_id"].unique().to_list()
    asked = [*last, *runs_unread(facts.open_alerts)]
    known = readable_records(instance, dg.RunsFilter(run_ids=asked), unread) if asked else []
    known_runs = frozenset(record.dagster_run.run_id for record in known)
    return replace(facts, known_runs=known_runs, unread=[*facts.unread, *unread])


def skipped_days(instance: dg.DagsterInstance, catalog: Catalog, settings: Settings, now: datetime) -> Iterator[Alert]:
    """The alert about days that nobody closed, where settings say that they stay so."""
    if settings.closes_missed_days:
        return
    scheduled = [pipeline.job(DAILY) for pipeline in catalog.pipelines if daily_lines(settings, pipeline)]
    for stage in (stage for stage in last_stages(catalog) if stage.job in scheduled):
        last, closing, first_day = stage.table, last_business_day(now), settings.first_day
        if missed := unclosed_days(instance, last, closing, first_day=first_day, limit=KEPT_DAYS - 1):
            yield days_skipped(last.name, missed, job=stage.job)


def queue_alerts(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> Iterator[Alert]:
    """The alert that the queue of export events has not answered for a while, once a day."""
    note, moment = EventNotes(instance.run_storage).read() if settings.events_queue else None, now.timestamp()
    if note is None or not (problem := note.problem_at(moment)) or note.seconds_at(moment) <= RULES_SECONDS:
        return
    key, where = f"export_events/{now.date()}", settings.events_queue
    yield Alert(key=key, kind="failure", what=problem, where=where, do=DO, condition="export_events")


def running_stages(instance: dg.DagsterInstance, catalog: Catalog, unread: list[Unread]) -> Iterator[RunningStage]:
    """The stages that are at work now, waits before retries included; runs that cannot be read go to `unread`."""
    names = step_names(catalog)
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    for record in readable_records(instance, started, unread, limit=MOST_RUNNING):
        run = record.dagster_run
        try:
            steps = instance.get_run_step_stats(run.run_id)
        except Exception as error:  # noqa: BLE001 - it is reported, and the others are looked at
            unread.append(unread_run(run.run_id, error))
            continue
        for step in steps:
            if step.step_key in names and step.start_time is not None and step.end_time is None:
                yield RunningStage(
                    run_id=run.run_id,
                    job=run.job_name,
                    stage=names[step.step_key],
                    started_at=datetime.fromtimestamp(step.start_time, UTC),
                )
