"""Sensors called as Dagster's daemon calls them, for tests: tick by tick, on a clock that the test sets.

Belongs here: one sensor over a graph with its cursor, and running what it asks for.
Does not: expectations of any kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from medallion_assets.contracts.table import Table
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets_tests.graph import Graph, Run, resource_of

NOON = datetime(2100, 1, 4, 12, tzinfo=UTC)
"""Later than any commit that a test makes: Delta dates those by the real clock."""


@dataclass
class Sensing:
    """A sensor and what it remembers. `seconds` of a tick count from NOON, where it has no `clock`."""

    graph: Graph
    sensor: dg.SensorDefinition
    cursor: str | None = None
    raw_url: str | None = None
    url: str | None = None
    storage_options: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], datetime] | None = None
    reason: str = ""
    keys: set[str] = field(default_factory=set)

    def tick(self, seconds: float = 0) -> dg.RunRequest | None:
        """The first run that the sensor asks for."""
        return next(iter(self.requests(seconds)), None)

    def requests(self, seconds: float = 0) -> list[dg.RunRequest]:
        """What the sensor asks for. A run key that was there before is passed over, as Dagster does."""
        settings, now = self.graph.settings, NOON + timedelta(seconds=seconds)
        lakehouse = replace(
            self.graph.lakehouse, url=self.url or settings.lakehouse_url, storage_options=self.storage_options
        )
        resource = resource_of(lakehouse, raw_url=self.raw_url or settings.raw_url, clock=self.clock or (lambda: now))
        context = dg.build_sensor_context(
            instance=self.graph.instance,
            cursor=self.cursor,
            sensor_name=self.sensor.name,
            resources={"lakehouse": resource},
        )
        with context:
            ticked = self.sensor.evaluate_tick(context)
        self.cursor, self.reason = ticked.cursor, ticked.skip_message or ""
        requests = [request for request in ticked.run_requests or [] if request.run_key not in self.keys]
        self.keys.update(str(request.run_key) for request in requests)
        return requests

    def run(self, request: dg.RunRequest) -> Run:
        """The run that was asked for, to its end."""
        job = self.graph.definitions.resolve_job_def(str(request.job_name))
        tags = {**request.tags, "dagster/sensor_name": self.sensor.name, "dagster/run_key": str(request.run_key)}
        result = job.execute_in_process(
            asset_selection=list(request.asset_selection or []),
            instance=self.graph.instance,
            run_config=request.run_config,
            tags=tags,
            raise_on_error=False,
        )
        return Run(result)


@contextmanager
def at_work(graph: Graph, job: str, *tables: Table) -> Iterator[None]:
    """A run of some tables that has begun and does nothing."""
    run = graph.instance.create_run_for_job(
        graph.definitions.resolve_job_def(job),
        status=dg.DagsterRunStatus.STARTED,
        asset_selection=frozenset(asset_key(table) for table in tables),
    )
    try:
        yield
    finally:
        graph.instance.delete_run(run.run_id)
