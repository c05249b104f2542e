"""Sensors that keep Gold and serving up to Silver: one for each Gold table, which asks for exactly the days it lacks.

Belongs here: the sensors, and what Dagster's runs tell: what is at work, and how often something was tried.
Does not: which days are lacking (restated.py), when to ask (restated_asking.py), or how a request looks
(daily_requests.py).

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg

from medallion_assets.daily import business_day
from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.delta import Snapshot
from medallion_assets.operations.alerts import Alert
from medallion_assets.reporting import asset_key
from medallion_assets.resources import LakehouseResource
from medallion_assets.run_days import DayRange, days_text, ranges_at_work, ranges_of
from medallion_assets.settings import Settings
from medallion_assets.silver.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.tables import PUBLISHED_TABLES
from medallion_assets.trigger_context import TriggerContext, UpdatedTable
from medallion_assets.triggers.asking import (
    IN_PROGRESS,
    INTERVAL_SECONDS,
    sensor_status,
    tell_or_log,
    timers_of,
    writes,
)
from medallion_assets.triggers.cursors import cursor_values
from medallion_assets.triggers.daily_requests import days_request
from medallion_assets.triggers.jobs import DAILY, RECENT_PRIORITY
from medallion_assets.triggers.restated import Stretch, stretches
from medallion_assets.triggers.restated_asking import Attempts, Memory, choose
from medallion_assets.triggers.restated_batches import Batch
from medallion_assets.triggers.restated_logs import Reading, is_as_of, is_audited, parse_reading, read_on

ASKED_TAG = "medallion/asked_for"
"""What of a Gold table a run was asked for: every attempt at it carries the same."""


def restated_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """A sensor for each Gold table and what serves it."""
    return [_sensor(settings, gold, serving) for gold, serving in PUBLISHED_TABLES]


def _sensor(settings: Settings, gold: Table, serving: Table) -> dg.SensorDefinition:
    timers = timers_of(settings, gold.update_timers)

    @dg.sensor(
        name=f"restated_{gold.short_name}",
        job_name=DAILY,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=sensor_status(settings),
        description=f"Builds and publishes the days of {gold.name} that Silver changed, each once for every change.",
    )
    def restated(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult | dg.SkipReason:
        lake, now, instance = lakehouse.lakehouse(), lakehouse.now(), context.instance
        if not lake.exists(ENRICHED_TRANSACTIONS):
            return dg.SkipReason(f"{ENRICHED_TRANSACTIONS.name} is not there yet")
        kept = cursor_values(context.cursor)
        at_work = runs_at_work(instance, gold, serving)  # before the logs: what a run does meanwhile is done by then
        before = parse_reading(kept.get("reading"), as_of=is_as_of(gold))
        reading = read_on(before, lake, instance, gold, serving)
        today = business_day(now)
        found = list(
            _with_audits(
                instance,
                lake.find(gold),
                stretches(reading.ledger, first=settings.first_day, last=today),
                reading,
            )
        )
        chosen = choose(
            now,
            Memory.load(kept.get("memory")),
            {asked_for(gold, Batch(stretches=(one,), is_live=True), reading): one for one in found},
            timers,
            newest=min(reading.ledger.greatest_day or today, today),
            busy=at_work.days,
            in_flight=at_work.asked_here,
            named=lambda batch: asked_for(gold, batch, reading),
            attempts=lambda key: attempts(instance, key, now),
        )
        tell_or_log(context, lakehouse, settings, [given_up(gold, batch, reading) for batch in chosen.given_up])
        return dg.SensorResult(
            run_requests=[request(gold, serving, batch, reading, attempt=ask.attempt) for batch, ask in chosen.asks],
            skip_reason=None if chosen.asks else f"{len(found)} stretches of days wait" if found else "up to date",
            cursor=json.dumps({"reading": reading.dump(), "memory": chosen.memory.dump()}, separators=(",", ":")),
        )

    return restated


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """The runs of a table that are queued or at work: the days of all, and how many of them were asked for here."""

    days: Sequence[DayRange]
    asked_here: int


def asked_for(gold: Table, batch: Batch, reading: Reading) -> str:
    """What a batch is asked for, in short; another one when Silver (or Gold, to publish) has changed it again.

    The version is that of the table that was read: of one that was made anew the same number is another version.
    """
    what = "build" if batch.builds else "publish"
    table_id = reading.silver_id if batch.builds else reading.gold_id
    ranges, days = ranges_of(batch.days), batch.days
    several = f"{days[0]}...{days[-1]}"
    if len(ranges) > 1:
        digest = hashlib.blake2b(days_text(ranges).encode(), digest_size=4).hexdigest()
        several = f"{len(days)} days of {several}, {digest}"
    return f"{what}:{gold.short_name}:{several}@{batch.version}.{table_id[:8]}"


def request(gold: Table, serving: Table, batch: Batch, reading: Reading, *, attempt: int) -> dg.RunRequest:
    """A run for a batch: Gold if it has to be built, serving if it has to be published."""
    source = ENRICHED_TRANSACTIONS if batch.builds else gold
    trigger = TriggerContext(trigger="restated", tables=[UpdatedTable(table=source.name, version=batch.version)])
    tables = [*([gold] if batch.builds else []), *([serving] if batch.publishes else [])]
    key = asked_for(gold, batch, reading)
    made = days_request(
        tables,
        batch.days,
        trigger=trigger,
        key=f"{key}#{attempt}",
        priority=RECENT_PRIORITY,
        catches_up=not batch.is_live,
    )
    return made.with_replaced_attrs(tags={**made.tags, ASKED_TAG: key})


def given_up(gold: Table, batch: Batch, reading: Reading) -> Alert:
    """What people are told when a batch is not asked for any more."""
    key, days = asked_for(gold, batch, reading), days_text(ranges_of(batch.days))
    return Alert(
        key=f"given_up:{key}",
        kind="failure",
        what=f"{gold.name}: every run for {days} failed, and no more are started until these days change",
        where=f"job {DAILY}, runs tagged {ASKED_TAG}={key}",
        do=f"look at the last of these runs, then run job {DAILY} for {days}",
        job=DAILY,
    )


def attempts(instance: dg.DagsterInstance, key: str, now: datetime) -> Attempts:
    """The runs that were asked for the same. What a clock that was set back dates later than now says nothing."""
    runs = instance.get_run_records(dg.RunsFilter(tags={ASKED_TAG: key}))
    moments = (run.update_timestamp.replace(tzinfo=UTC) for run in runs)
    return Attempts(count=len(runs), active_at=max((one for one in moments if one <= now), default=None))


def runs_at_work(instance: dg.DagsterInstance, gold: Table, serving: Table) -> AtWork:
    """The runs that are queued or at work on the table or on what serves it, whoever asked for them."""
    keys = {asset_key(gold), asset_key(serving)}
    runs = [run for run in instance.get_runs(dg.RunsFilter(statuses=list(IN_PROGRESS))) if writes(run, keys)]
    return AtWork(
        days=[one for run in runs for one in ranges_at_work(run.tags)],
        asked_here=sum(ASKED_TAG in run.tags for run in runs),
    )


def _with_audits(
    instance: dg.DagsterInstance, gold: Snapshot | None, found: Sequence[Stretch], reading: Reading
) -> Iterator[Stretch]:
    """The stretches; what no audit has found right is built anew before it is published."""
    built_by = reading.ledger.unpublished
    for one in found:
        if one.builds or (gold and all(is_audited(instance, gold, day, built_by[day]) for day in one.days)):
            yield one
        else:
            yield replace(one, builds=True, version=reading.silver_version)
