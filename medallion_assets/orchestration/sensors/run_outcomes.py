"""What became of runs: each that has ended is looked at once, and alerts follow from it.

Belongs here: the sensor that sees runs end, and which alert follows from an end.
Does not: what became of a run's stages, or the words.

A run that failed and that Dagster starts anew has not ended. A run that failed raises one alert for each cause, and has
its incidents: those of stages the diagnosis looks into as well, and whoever is first writes them. One that was canceled
counts as skipped, one that succeeded raises an alert where settings ask for every run of its job.

The cursor saves work and nothing else: without one the runs of the last day are looked at again, and the keys of their
alerts see to it that nobody gets one twice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import dagster as dg

from medallion_assets.contracts.documents import Moment, Names, from_json_or_none, to_json
from medallion_assets.contracts.run_days import days_named
from medallion_assets.contracts.sensor_names import RUN_OUTCOMES
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.alerts.notices import run_canceled, run_succeeded
from medallion_assets.operations.alerts.rules import unreadable_facts
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.incident import Incident, record_incidents
from medallion_assets.operations.unread import Unread
from medallion_assets.orchestration.alert_direct import PartlySentError, keep_or_send
from medallion_assets.orchestration.assets.incidents import failure_alerts, is_diagnosis
from medallion_assets.orchestration.hosting.shell_commands import ticks_in_messages
from medallion_assets.orchestration.requests import log_error, sensor_status
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.run_records import readable_records
from medallion_assets.orchestration.runs.diagnosis import diagnose
from medallion_assets.orchestration.runs.lost_attempts import record_lost_attempts
from medallion_assets.orchestration.runs.outcomes import FINISHED, run_status
from medallion_assets.orchestration.sensors.cadence import minimum_interval
from medallion_assets.orchestration.trigger_context import cause_of
from medallion_assets.settings import Settings
from medallion_assets.triggers.run_if import EndStatus

INTERVAL_SECONDS = 15
LOOK_BACK_HOURS = 24.0
"""How far back runs are looked at without a cursor."""
BEFORE_ANY_RUN = datetime(2000, 1, 1, tzinfo=UTC)
LATE_SECONDS = 60.0
"""Runs become visible up to so long after others that ended after them."""
MOST_RUNS = 20
"""So many are looked at in one tick: it costs some reading of event logs, and other sensors wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomesCursor:
    """Runs that were updated before `until` were looked at; those around it that were, with when they were updated.

    `waiting` are runs that some channels know of and others do not, or that the outbox lacks: `until` stays until all
    know, and it has them.
    """

    until: Moment
    handled: Mapping[str, Moment] = field(default_factory=dict)
    waiting: Names = frozenset()

    @classmethod
    def load(cls, text: str | None, now: datetime) -> "OutcomesCursor":
        """The cursor of the last tick; one that looks back a day if that cannot be read."""
        cursor = from_json_or_none(cls, text)
        if cursor is None or cursor.until < BEFORE_ANY_RUN:
            return cls(until=now - timedelta(hours=LOOK_BACK_HOURS))
        # A clock that was set back: runs that end from now on are dated earlier than what was seen.
        return replace(cursor, until=min(cursor.until, now))

    @property
    def since(self) -> datetime:
        """Runs that were updated later are to be looked at, but those that were handled."""
        return self.until - timedelta(seconds=LATE_SECONDS)

    def after(self, run_id: str, updated_at: datetime, *, now: datetime | None = None) -> "OutcomesCursor":
        """The cursor after a run was looked at; what is too old to be seen again is forgotten.

        It never goes beyond `now`: what a clock that was set back dates later is not the last to come.
        """
        waiting, handled = self.waiting - {run_id}, {**self.handled, run_id: updated_at}
        until = self.until if waiting else max(self.until, min(updated_at, now or updated_at))
        moved = replace(self, until=until, waiting=waiting)
        return replace(moved, handled={handled_id: at for handled_id, at in handled.items() if at >= moved.since})


@dataclass(frozen=True, slots=True)
class Consequences:
    """What follows from a run that has ended."""

    alerts: list[Alert] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)


def run_outcome_sensor(settings: Settings, *, most_runs: int = MOST_RUNS) -> dg.SensorDefinition:
    """The sensor that looks at each run of this code location when it has ended, `most_runs` in one tick."""

    @dg.sensor(
        name=RUN_OUTCOMES,
        minimum_interval_seconds=minimum_interval(INTERVAL_SECONDS),
        default_status=sensor_status(settings),
        description="Sends alerts for runs that failed, were canceled, or (if configured) succeeded.",
    )
    @ticks_in_messages()
    def run_outcomes(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult:
        now, lake, seen = lakehouse.now(), lakehouse.lakehouse(), 0
        cursor = OutcomesCursor.load(context.cursor, now)
        if cursor.waiting:
            kept = context.instance.get_run_ids(dg.RunsFilter(run_ids=sorted(cursor.waiting)))
            cursor = replace(cursor, waiting=frozenset(kept))
        unread: list[Unread] = []
        for run, updated_at in ended_runs(context, cursor, unread, most_runs):
            try:
                found = found_out(context, lake, run, settings.alert_jobs, now)
                if not keep_or_send(lake, context.instance, settings, found.alerts, now).is_kept:
                    cursor = replace(cursor, waiting=cursor.waiting | {run.run_id})
                    continue
                record_incidents(lake, found.incidents)
            except PartlySentError as error:
                context.log.warning("run %s waits for some channels: %s", run.run_id, error)
                cursor = replace(cursor, waiting=cursor.waiting | {run.run_id})
                continue
            except LAKEHOUSE_ERRORS as error:
                log_error(context, f"run {run.run_id} and the next ones wait until alerts can be kept or sent", error)
                break
            cursor, seen = cursor.after(run.run_id, updated_at, now=now), seen + 1
        if unread:
            with suppress(*LAKEHOUSE_ERRORS):  # nothing is lost: they are found again
                keep_or_send(
                    lake, context.instance, settings, list(unreadable_facts(AlertFacts(unread=unread), now)), now
                )
        return dg.SensorResult(skip_reason=f"{seen} runs have ended", cursor=to_json(cursor))

    return run_outcomes


def ended_runs(
    context: dg.SensorEvaluationContext, cursor: OutcomesCursor, unread: list[Unread], most: int
) -> Iterator[tuple[dg.DagsterRun, datetime]]:
    """So many runs of this code location that ended and were not handled, oldest first, with when they were updated.

    Those that cannot be read go to `unread`.
    """
    instance, repository = context.instance, context.repository_def
    ended = dg.RunsFilter(statuses=list(FINISHED), updated_after=cursor.since)
    records = sorted(readable_records(instance, ended, unread), key=attrgetter("update_timestamp"))
    found = Counter[bool]()
    for record in records:
        run = record.dagster_run
        is_ours, is_waiting = repository is None or run.job_name in repository.job_names, run.run_id in cursor.waiting
        if not is_ours or run.run_id in cursor.handled or found[is_waiting] == most:
            continue
        if run_status(run, retries_enabled=instance.run_retries_enabled) is not EndStatus.PENDING:
            found[is_waiting] += 1
            yield run, record.update_timestamp.replace(tzinfo=UTC)


def found_out(
    context: dg.SensorEvaluationContext,
    lakehouse: Lakehouse,
    run: dg.DagsterRun,
    alert_jobs: Mapping[str, str],
    now: datetime,
) -> Consequences:
    """What follows from a run that has ended; of one that nobody can look into, that it ended.

    Whatever one run has left in Dagster's event log, the others have to be reported.
    """
    try:
        return outcome(lakehouse, context.instance, run, alert_jobs, now)
    except Exception:
        context.log.exception("run %s cannot be diagnosed", run.run_id)
        return (
            Consequences()
            if run.status is dg.DagsterRunStatus.SUCCESS
            else Consequences([_failed(run, where=run.job_name)])
        )


def outcome(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, run: dg.DagsterRun, alert_jobs: Mapping[str, str], now: datetime
) -> Consequences:
    """What follows from a run that has ended; its lost attempts get their rows, if the lakehouse takes them."""
    if run.status is dg.DagsterRunStatus.SUCCESS:
        is_wanted = alert_jobs.get(run.job_name) == "every_run"
        return Consequences([run_succeeded(run.run_id, job=run.job_name, what=_subject(run))] if is_wanted else [])
    with suppress(*LAKEHOUSE_ERRORS):  # the monitor completes the rows; alerts are raised all the same
        record_lost_attempts(lakehouse, instance, run)
    if run.status is dg.DagsterRunStatus.CANCELED:
        return Consequences([run_canceled(run.run_id, job=run.job_name, what=_subject(run))])
    incidents = diagnose(instance, run, now=now)
    if not incidents:
        return Consequences([_failed(run, where=_subject(run))])
    return Consequences(failure_alerts(lakehouse, incidents), [] if is_diagnosis(run) else incidents)


def _failed(run: dg.DagsterRun, *, where: str) -> Alert:
    """A run that failed though every stage of it was done."""
    return Alert(
        key=f"failed/{run.run_id}",
        kind="failure",
        what=f"{run.job_name} failed, and none of its stages says why",
        where=where,
        do="read the log of the run",
        run_id=run.run_id,
        job=run.job_name,
    )


def _subject(run: dg.DagsterRun) -> str:
    """The assets, days and cause of a run, as far as it names them."""
    assets = ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ()))
    parts = (assets or run.job_name, days_named(run.tags), cause_of(run.tags))
    return "; ".join(part for part in parts if part)
