"""Sensors that keep Gold and serving up to Silver: one for each Gold table, which asks for exactly the days it lacks.

Belongs here: the sensors, and what Dagster's runs tell: what is at work, and how often something was tried.
Does not: which days are lacking (restated.py), when to ask (restated_asking.py), or how a request looks
(daily_requests.py).

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date
from typing import Any

import dagster as dg

from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.delta import Snapshot
from medallion_assets.operations.alerts import Alert, raise_alerts
from medallion_assets.reporting import asset_key
from medallion_assets.resources import LakehouseResource
from medallion_assets.settings import Settings
from medallion_assets.silver.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.tables import PUBLISHED_TABLES
from medallion_assets.trigger_context import TriggerContext, UpdatedTable
from medallion_assets.triggers.asking import IN_PROGRESS, INTERVAL_SECONDS, sensor_status, timers_of, writes
from medallion_assets.triggers.daily_close import business_day
from medallion_assets.triggers.daily_requests import RANGE_END, RANGE_START, days_request
from medallion_assets.triggers.jobs import DAILY
from medallion_assets.triggers.restated import Stretch, stretches
from medallion_assets.triggers.restated_asking import Attempts, Memory, choose
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
        kept = _kept(context.cursor)
        busy = days_at_work(instance, gold, serving)  # before the logs, or what a run does meanwhile counts as undone
        before = parse_reading(kept.get("reading"), as_of=is_as_of(gold))
        reading = read_on(before, lake, instance, gold, serving)
        found = stretches(reading.ledger, first=settings.first_day, last=business_day(now))
        audited = _with_audits(instance, lake.find(gold), found, reading)
        lacking = {asked_for(gold, stretch, reading): stretch for stretch in audited}
        chosen = choose(
            now,
            Memory.load(kept.get("memory")),
            lacking,
            timers,
            busy=busy,
            attempts=lambda key: attempts(instance, key),
        )
        raise_alerts(lake, [given_up(gold, stretch, reading) for stretch in chosen.given_up], now)
        return dg.SensorResult(
            run_requests=[
                request(gold, serving, stretch, reading, attempt=ask.attempt) for stretch, ask in chosen.asks
            ],
            skip_reason=None if chosen.asks else f"{len(lacking)} stretches of days wait" if lacking else "up to date",
            cursor=json.dumps({"reading": reading.dump(), "memory": chosen.memory.dump()}, separators=(",", ":")),
        )

    return restated


def asked_for(gold: Table, stretch: Stretch, reading: Reading) -> str:
    """What a stretch is asked for, in short; another one when Silver (or Gold, to publish) has changed it again.

    The version is that of the table that was read: of one that was made anew the same number is another version.
    """
    what = "build" if stretch.builds else "publish"
    table_id = reading.silver_id if stretch.builds else reading.gold_id
    return f"{what}:{gold.short_name}:{stretch.first}...{stretch.last}@{stretch.version}.{table_id[:8]}"


def request(gold: Table, serving: Table, stretch: Stretch, reading: Reading, *, attempt: int) -> dg.RunRequest:
    """A run for a stretch: Gold if it has to be built, serving if it has to be published."""
    source = ENRICHED_TRANSACTIONS if stretch.builds else gold
    trigger = TriggerContext(trigger="restated", tables=[UpdatedTable(table=source.name, version=stretch.version)])
    tables = [*([gold] if stretch.builds else []), *([serving] if stretch.publishes else [])]
    key = asked_for(gold, stretch, reading)
    made = days_request(tables, stretch.first, stretch.last, trigger=trigger, key=f"{key}#{attempt}")
    return made.with_replaced_attrs(tags={**made.tags, ASKED_TAG: key})


def given_up(gold: Table, stretch: Stretch, reading: Reading) -> Alert:
    """What people are told when a stretch is not asked for any more."""
    key, days = asked_for(gold, stretch, reading), f"{stretch.first} to {stretch.last}"
    return Alert(
        key=f"given_up:{key}",
        kind="failure",
        what=f"{gold.name}: every run for {days} failed, and no more are started until these days change",
        where=f"job {DAILY}, runs tagged {ASKED_TAG}={key}",
        do=f"look at the last of these runs, then run job {DAILY} for {days}",
        job=DAILY,
    )


def attempts(instance: dg.DagsterInstance, key: str) -> Attempts:
    """The runs that were asked for the same."""
    runs = instance.get_run_records(dg.RunsFilter(tags={ASKED_TAG: key}))
    latest = max((run.update_timestamp.replace(tzinfo=UTC) for run in runs), default=None)
    return Attempts(count=len(runs), active_at=latest)


def days_at_work(instance: dg.DagsterInstance, gold: Table, serving: Table) -> list[tuple[date, date]]:
    """First and last day of each run that is queued or at work on the table or on what serves it."""
    keys = {asset_key(gold), asset_key(serving)}
    found = []
    for run in instance.get_runs(dg.RunsFilter(statuses=list(IN_PROGRESS))):
        if writes(run, keys):
            day = run.tags.get("dagster/partition")
            first, last = run.tags.get(RANGE_START, day), run.tags.get(RANGE_END, day)
            found.append((date.fromisoformat(first or str(date.min)), date.fromisoformat(last or str(date.max))))
    return found


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


def _kept(cursor: str | None) -> dict[str, Any]:
    try:
        kept = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) else {}
