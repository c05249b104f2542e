"""Sensors that keep Gold and serving up to Silver: one for each Gold table, which asks for exactly the days it lacks.

Belongs here: the sensors, what they ask for, and the alert when they give up.
Does not: which days are missing, when to ask, Dagster's runs, or how a request looks.

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import dagster as dg

from medallion_assets.contracts import sensor_names
from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.moments import business_day
from medallion_assets.contracts.pipeline import Gold, Pipeline
from medallion_assets.contracts.policies import Timers
from medallion_assets.contracts.run_days import days_text, ranges_of
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.day_ledger import restated_at
from medallion_assets.operations.stages import closing_job
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.orchestration.audits import is_audited, other_runs
from medallion_assets.orchestration.hosting.shell_commands import ticks_in_messages
from medallion_assets.orchestration.jobs import RECENT_PRIORITY
from medallion_assets.orchestration.requests import alert_or_log, days_request, next_run_key, sensor_status, timers_of
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.cadence import minimum_interval, woken_every
from medallion_assets.orchestration.sensors.restated.logs import LogPosition, known_for, read_on
from medallion_assets.orchestration.sensors.restated.runs import (
    ABOUT_TAG,
    ASKED_TAG,
    TRIGGER,
    asked_about,
    asked_for,
    past_runs,
    runs_at_work,
)
from medallion_assets.orchestration.sensors.restated.together import Ready, ready_ranges
from medallion_assets.orchestration.trigger_context import TRIGGER_TAG, TriggerContext, UpdatedTable
from medallion_assets.settings import Settings
from medallion_assets.stages.gold import is_of_days
from medallion_assets.stages.partitions import month_now
from medallion_assets.stages.together import companions
from medallion_assets.triggers.restated.asking import AskingCursor, Chosen, choose
from medallion_assets.triggers.restated.batches import DayBatch, oldest_live
from medallion_assets.triggers.restated.days import RestatedRange, restated_ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class RestatedCursor:
    """What a sensor remembers: up to where the logs were read, and what it asked for."""

    reading: LogPosition
    memory: AskingCursor = field(default_factory=AskingCursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look found: up to where the logs are read now, what is `chosen`, and why all else `waits`."""

    reading: LogPosition
    chosen: Chosen
    waits: str


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A Gold table that is kept up to its source, with what serves it, by one job."""

    gold: Gold
    serving: Table | None
    pipeline: Pipeline

    @property
    def table(self) -> Table:
        """The Gold table."""
        return self.gold.table

    @property
    def together(self) -> tuple[Gold, ...]:
        """The Gold tables whose days are published together with its own."""
        published = self.pipeline.publishing(self.gold)
        return () if published is None else self.pipeline.published_with(published)

    @property
    def job(self) -> str:
        """The job that makes it."""
        return closing_job(self.pipeline)


def restated_sensors(settings: Settings, pipeline: Pipeline) -> list[dg.SensorDefinition]:
    """A sensor for each Gold table and what serves it."""
    kept = [Kept(gold=gold, serving=pipeline.served_as(gold), pipeline=pipeline) for gold in pipeline.gold]
    return [_sensor(settings, table) for table in kept]


def _sensor(settings: Settings, kept: Kept) -> dg.SensorDefinition:
    gold, first_day = kept.table, settings.first_day
    timers = timers_of(settings, kept.gold.update_timers)

    @dg.sensor(
        name=sensor_names.restated(gold),
        job_name=kept.job,
        minimum_interval_seconds=minimum_interval(woken_every(settings, timers)),
        default_status=sensor_status(settings),
        description=f"Builds and publishes the days of {gold.name} that {kept.gold.source.name} changed, once per "
        f"change.",
    )
    @ticks_in_messages()
    def restated(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult | dg.SkipReason:
        lake = lakehouse.lakehouse()
        if not lake.exists(kept.gold.source):
            return dg.SkipReason(f"{kept.gold.source.name} does not exist yet")
        before = from_json_or_none(RestatedCursor, context.cursor)
        looked = look(kept, lake, context.instance, before, now=lakehouse.now(), first_day=first_day, timers=timers)
        chosen = looked.chosen
        alerts = [given_up(kept, chosen.given_up, looked.reading)] if chosen.given_up else []
        if not alert_or_log(context, lakehouse, settings, alerts):
            chosen = chosen.untold()
        return dg.SensorResult(
            run_requests=[batch_request(context.instance, kept, batch, looked.reading) for batch in chosen.asks],
            skip_reason=None if chosen.asks else looked.waits,
            cursor=to_json(RestatedCursor(reading=looked.reading, memory=chosen.memory)),
        )

    return restated


def look(
    kept: Kept,
    lake: Lakehouse,
    instance: dg.DagsterInstance,
    before: RestatedCursor | None,
    *,
    now: datetime,
    first_day: date,
    timers: Timers,
) -> Looked:
    """Read on in the logs, and choose which days to ask for now. It changes nothing: two looks choose the same."""
    gold = kept.table
    # Before the logs: what a run does meanwhile is done by then.
    at_work = runs_at_work(instance, lake.catalog, [gold, *([kept.serving] if kept.serving else [])])
    known = known_for(kept.gold, before.reading if before else None)
    reading = read_on(known, lake, instance, kept.gold, kept.serving, now=now)
    months = kept.pipeline.months
    today = business_day(now) if months is None else month_now(now)
    first = first_day if months is None else months.first
    newest = min(reading.ledger.greatest_day or today, today)
    wanted = restated_ranges(reading.ledger, first=first, last=today, live_from=oldest_live(newest))
    found = list(_with_audits(instance, lake.find(gold), wanted, reading))
    others = other_runs(instance)
    ready = ready_ranges(companions(lake, kept.together, beside=kept.gold, others=others), found)
    chosen = choose(
        now,
        _remembered(before, reading),
        ready.ranges,
        timers,
        newest=newest,
        busy=at_work.days,
        in_flight=at_work.asked_here,
        past=past_runs(instance, gold, reading) if ready.ranges else [],
    )
    return Looked(reading=reading, chosen=chosen, waits=_waiting(kept.gold, reading.ledger.first_day, first, ready))


def _remembered(before: RestatedCursor | None, reading: LogPosition) -> AskingCursor:
    """What is remembered; of versions of tables that are there no more, nothing."""
    if before is None:
        return AskingCursor()
    former = zip(before.reading.tables, reading.tables, strict=False)
    is_same = all(table_id in ("", now) for table_id, now in former)  # without one, Gold had no versions
    is_same = is_same and before.reading.went_back_at == reading.went_back_at
    return before.memory if is_same else AskingCursor(asked_at=before.memory.asked_at)


def _waiting(gold: Gold, held_from: date | None, first: date, ready: Ready) -> str:
    """Why nothing is asked for; with the days that never are, as they lie before the first one."""
    ranges = f"{len(ready.ranges)} day ranges wait" if ready.ranges else ""
    reason = "; ".join(filter(None, [ranges, str(ready)])) or "up to date"
    if is_of_days(gold) and held_from is not None and held_from < first:
        reason += f"; {gold.source.name} holds days from {held_from} on, before MEDALLION_FIRST_DAY {first}: they are "
        reason += f"never built unless it is set to {held_from}"
    return reason


def batch_request(instance: dg.DagsterInstance, kept: Kept, batch: DayBatch, reading: LogPosition) -> dg.RunRequest:
    """A run for a batch: Gold if it has to be built, serving if it has to be published."""
    gold, serving = kept.table, kept.serving
    source = kept.gold.source if batch.builds else gold
    trigger = TriggerContext(trigger=TRIGGER, tables=[UpdatedTable(table=source.name, version=batch.version)])
    tables = [*([gold] if batch.builds else []), *([serving] if batch.publishes and serving else [])]
    key = asked_for(gold, batch, reading)
    made = days_request(
        kept.pipeline,
        tables,
        batch.days,
        trigger=trigger,
        key=next_run_key(instance, key),
        priority=RECENT_PRIORITY,
        catches_up=not batch.is_live,
    )
    about = to_json(asked_about(gold, batch, reading))
    return made.with_replaced_attrs(tags={**made.tags, ASKED_TAG: key, ABOUT_TAG: about})


def given_up(kept: Kept, over: Sequence[RestatedRange], reading: LogPosition) -> Alert:
    """The alert that some day ranges are not asked for any more."""
    batch, gold = DayBatch(ranges=tuple(over), is_live=False), kept.table
    key, days = asked_for(gold, batch, reading), days_text(ranges_of(batch.days))
    held = ", ".join(other.table.name for other in kept.together)
    return Alert(
        key=f"given_up:{key}",
        kind="failure",
        what=f"{gold.name}: every run for {days} failed, and no more are started until these days change"
        + (f"; until then readers keep the former figures of these days, also of {held}" if held else ""),
        where=f"job {kept.job}, runs for these days with {TRIGGER_TAG}={TRIGGER}",
        do=f"look at the last of these runs, then run job {kept.job} for {days}",
        job=kept.job,
    )


def _with_audits(
    instance: dg.DagsterInstance, gold: Snapshot | None, found: Sequence[RestatedRange], reading: LogPosition
) -> Iterator[RestatedRange]:
    """The day ranges; what no audit has found right is built anew before it is published."""
    built_by = reading.ledger.unpublished
    for wanted in found:
        if wanted.builds or (gold and all(is_audited(instance, gold, day, built_by[day]) for day in wanted.days)):
            yield wanted
        else:
            versions = [restated_at(reading.ledger, day) for day in wanted.days]
            known = [version for version in versions if version is not None]
            yield replace(wanted, builds=True, version=max(known, default=reading.silver_version))
