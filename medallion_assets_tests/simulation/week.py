"""A virtual clock, and a daemon that looks at the sensors and schedules and carries out what they ask for, in process.

Belongs here: the clock, and what Dagster's daemon does, run by run in this process.
Does not: what happens around the pipeline (story.py), or any expectation (test_week.py).

Time passes between looks and runs alone. The graph is handed the virtual clock. What reads the real one is put onto it:
Dagster's records of runs and events, the time that a tick has for alerts, and Delta, whose new commits are dated anew
before anybody looks at them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator
from deltalake import DeltaTable

from medallion_assets.contracts.run_days import days_in, days_named, parse_days
from medallion_assets.operations.alerts.delivery import deliver_due
from medallion_assets.publishing.serving import Serving
from medallion_assets.settings import load_settings
from medallion_assets_tests.graph import REGION, Graph, Run, resource_of
from medallion_assets_tests.operations.small_lakehouse import rewrite_commit
from medallion_assets_tests.services.processes import free_port

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RUN_TAKES = timedelta(seconds=10)
FIRST_STEP, GROWTH, LONGEST_STEP = MINUTE, 8, 6 * HOUR
"""After something happened the sensors are looked at a minute later; as long as nothing does, ever more rarely."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run config: a run tells Dagster's event log alone what it does."""
CHECKPOINT_COMMITS = 10
"""Who opens a table reads every commit since its last checkpoint: of these tables are opened thousands of times."""
RARELY = {"alert_rules": 3 * HOUR}
"""Sensors that are evaluated more rarely than they ask for: this one reads every table."""


@dataclass
class Clock:
    """What everybody takes for now."""

    now: datetime

    def seconds(self) -> float:
        """Since 1970."""
        return self.now.timestamp()

    @contextmanager
    def everywhere(self) -> Iterator[None]:
        """The clocks that Dagster and the alert sender read in this process are this one as well."""
        make_record = logging.getLogRecordFactory()

        def dated(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make_record(*args, **kwargs)
            record.created = self.seconds()  # what Dagster dates an event by
            return record

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dagster._time._mockable_get_current_datetime", lambda: self.now)
            patch.setattr("dagster._time._mockable_get_current_timestamp", self.seconds)
            patch.setitem(deliver_due.__kwdefaults__, "clock", self.seconds)  # a busy machine's tick is as long as any
            logging.setLogRecordFactory(dated)
            try:
                yield
            finally:
                logging.setLogRecordFactory(make_record)


@dataclass(frozen=True)
class Asked:
    """A run that something asked for, and what became of it. `by` is the name of a sensor or schedule, or a person."""

    at: datetime
    by: str
    job: str
    key: str
    assets: tuple[str, ...]
    tags: Mapping[str, str]
    run: Run

    @property
    def run_id(self) -> str:
        return self.run.result.run_id

    @property
    def success(self) -> bool:
        return self.run.success

    @property
    def days(self) -> list[date]:
        """The business days that the run was asked for, of an asset that has days."""
        named = days_named(self.tags)
        return days_in(parse_days(named)) if named else []


class Tick(dg.ScheduleEvaluationContext):
    """What a schedule knows about its tick: Dagster's own context takes no instance that is in memory."""

    def __init__(self, instance: dg.DagsterInstance, at: datetime) -> None:
        super().__init__(
            instance_ref=None,
            scheduled_execution_time=at,
            repository_name=None,
            schedule_name=None,
            resources={},
            repository_def=None,
        )
        self.in_memory = instance

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.in_memory


@dataclass
class Daemon:
    """Looks at sensors and schedules, and carries out what they ask for, run by run."""

    graph: Graph
    clock: Clock
    outage: tuple[datetime, datetime]
    asked: list[Asked] = field(default_factory=list)
    cursors: dict[str, str | None] = field(default_factory=dict)
    looked_at: dict[str, datetime] = field(default_factory=dict)
    keys: set[tuple[str, str]] = field(default_factory=set)
    dated: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        nowhere = Serving(endpoint_url=f"http://127.0.0.1:{free_port()}", region=REGION)
        self.cut_off = replace(self.graph, serving=nowhere)
        self.sensors = [
            sensor for sensor in self.graph.definitions.sensors or () if isinstance(sensor, dg.SensorDefinition)
        ]
        self.schedules = [
            schedule
            for schedule in self.graph.definitions.schedules or ()
            if isinstance(schedule, dg.ScheduleDefinition)
        ]

    def live(self, until: datetime, events: Mapping[datetime, Callable[[], bool]]) -> None:
        """Let time pass. Events happen at their moments, and say if there is more to see now; schedules when due."""
        happens: dict[datetime, list[Callable[[], bool]]] = {at: [event] for at, event in events.items()}
        for schedule in self.schedules:
            for at in self.due(schedule, until):
                happens.setdefault(at, []).append(lambda schedule=schedule, at=at: self.close(schedule, at))  # type: ignore[misc]
        step = FIRST_STEP
        while self.clock.now < until:
            coming = min((at for at in happens if at > self.clock.now), default=until)
            self.clock.now = min(self.clock.now + step, coming, until)
            passed = [happens.pop(at) for at in sorted(happens) if at <= self.clock.now]
            is_news = [event() for some in passed for event in some]
            is_busy = self.look() or any(is_news)
            step = FIRST_STEP if is_busy else min(GROWTH * step, LONGEST_STEP)

    def due(self, schedule: dg.ScheduleDefinition, until: datetime) -> list[datetime]:
        """When a schedule ticks, as Dagster reads its cron lines."""
        moments = schedule_execution_time_iterator(
            self.clock.now.timestamp(), schedule.cron_schedule, schedule.execution_timezone
        )
        return [moment.astimezone(UTC) for moment in takewhile(lambda moment: moment < until, moments)]

    def close(self, schedule: dg.ScheduleDefinition, at: datetime) -> bool:
        """A tick of a schedule."""
        for request in schedule.evaluate_tick(Tick(self.graph.instance, at)).run_requests or ():
            self.carry_out(schedule.name, str(schedule.job_name), "dagster/schedule_name", request)
        return True

    def look(self) -> bool:
        """Evaluate every sensor whose interval is over, then do what they asked for; whether that was anything."""
        wanted: list[tuple[dg.SensorDefinition, dg.RunRequest]] = []
        for sensor in self.sensors:
            pause = RARELY.get(sensor.name, timedelta(seconds=sensor.minimum_interval_seconds or 0))
            last = self.looked_at.get(sensor.name)
            if last is None or self.clock.now - last >= pause:
                self.looked_at[sensor.name] = self.clock.now
                wanted += [(sensor, request) for request in self.evaluate(sensor)]
        self.date_commits()
        for sensor, request in wanted:
            job = request.job_name or sensor.job_name
            self.carry_out(sensor.name, str(job), "dagster/sensor_name", request)
        return bool(wanted)

    def evaluate(self, sensor: dg.SensorDefinition) -> list[dg.RunRequest]:
        """What a sensor asks for. A run key that was there before is passed over, as Dagster does."""
        settings = self.graph.settings
        lakehouse = resource_of(self.graph.lakehouse, raw_url=settings.raw_url, clock=self.graph.clock)
        context = dg.build_sensor_context(
            instance=self.graph.instance,
            cursor=self.cursors.get(sensor.name),
            sensor_name=sensor.name,
            resources={"lakehouse": lakehouse},
        )
        with context:  # the resources are set up, as in the daemon
            data = sensor.evaluate_tick(context)
        self.cursors[sensor.name] = data.cursor
        fresh = [request for request in data.run_requests or () if (sensor.name, str(request.run_key)) not in self.keys]
        self.keys.update((sensor.name, str(request.run_key)) for request in fresh)
        return fresh

    def carry_out(self, by: str, job: str, tag: str, request: dg.RunRequest) -> None:
        """A run, from its beginning to its end; DynamoDB answers it or not."""
        begins, ends = self.outage
        graph = self.cut_off if begins <= self.clock.now < ends else self.graph
        key = str(request.run_key)
        tags = {**request.tags, tag: by, "dagster/run_key": key}
        result = graph.definitions.resolve_job_def(job).execute_in_process(
            asset_selection=list(request.asset_selection) if request.asset_selection else None,
            instance=graph.instance,
            run_config={**request.run_config, **QUIET},
            tags=tags,
            raise_on_error=False,
        )
        assets = tuple(key.to_user_string() for key in request.asset_selection or ())
        self.asked.append(Asked(self.clock.now, by, job, key, assets, tags, Run(result)))
        self.date_commits()
        self.clock.now += RUN_TAKES

    def date_commits(self) -> None:
        """Date the commits that are new by the virtual clock; delta-rs has dated them by the real one."""
        millis = int(self.clock.now.timestamp() * 1000)
        for path in sorted(Path(self.graph.settings.lakehouse_url).glob("*/*/_delta_log/*.json")):
            if path not in self.dated:
                rewrite_commit(path, lambda actions: [_dated(action, millis) for action in actions])
                self.dated.add(path)
                if int(path.stem) % CHECKPOINT_COMMITS == 0 and int(path.stem):
                    DeltaTable(path.parents[1]).create_checkpoint()


def days_between(first: date, last: date) -> list[date]:
    """The days from `first` to `last`, both inclusive."""
    return [date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)]


def graph_with(home: Path, instance: dg.DagsterInstance, clock: Clock, **variables: str) -> Graph:
    """The graph over a home, with the timers of the contracts and some settings."""
    settings = load_settings({"MEDALLION_HOME": str(home), "MEDALLION_RETRY_SECONDS": "0", **variables})
    return Graph(replace(settings, step_retry_seconds=0.0), instance, clock=lambda: clock.now)


def _dated(action: dict[str, Any], millis: int) -> dict[str, Any]:
    for kind, name in (("commitInfo", "timestamp"), ("metaData", "createdTime")):
        if kind in action:
            action = {**action, kind: {**action[kind], name: millis}}
    return action
