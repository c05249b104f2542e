"""Both pipelines in one Dagster: every sensor is asked in turn, and what it asks for is run, until none asks.

Belongs here: doing what the daemon does, in this process.
Does not: expectations of any kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import dagster as dg

from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.definitions import pipeline_sensors
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.publishing.serving import Serving
from medallion_assets.settings import load_settings
from medallion_assets_tests.graph import REGION, Graph, Run
from medallion_assets_tests.orchestration.sensors.sensing import Sensing
from medallion_assets_tests.support_tickets.help_desk import HelpDesk
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS

BOTH = (TRANSACTIONS, SUPPORT_TICKETS)
NAMES = (
    "medallion_assets.pipelines.transactions.pipeline:TRANSACTIONS,"
    "medallion_assets_tests.support_tickets.pipeline:SUPPORT_TICKETS"
)
"""MEDALLION_PIPELINES."""


@dataclass
class Living:
    """The graph of both, with what every sensor remembers and what was asked for, by sensor."""

    graph: Graph
    pipelines: tuple[Pipeline, ...] = BOTH
    asked: list[tuple[str, dg.RunRequest]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    @cached_property
    def desk(self) -> HelpDesk:
        return HelpDesk(self.graph.settings.raw_url)

    @cached_property
    def sensors(self) -> list[Sensing]:
        """Those that start runs of either pipeline."""
        settings = self.graph.settings
        return [
            Sensing(self.graph, sensor)
            for pipeline in self.pipelines
            for sensor in pipeline_sensors(settings, pipeline)
        ]

    def settle(self) -> None:
        """Ask and run until no sensor asks any more."""
        for _ in range(8):
            asked = [(sensor, request) for sensor in self.sensors for request in sensor.requests()]
            if not asked:
                return
            for sensor, request in asked:
                self.run(sensor.sensor.name, request)
        raise AssertionError([(sensor.sensor.name, request.run_key) for sensor, request in asked])

    def run(self, name: str, request: dg.RunRequest) -> Run:
        """The run that a sensor asked for, to its end."""
        (sensor,) = [sensing for sensing in self.sensors if sensing.sensor.name == name]
        self.asked.append((name, request))
        self.runs.append(sensor.run(request))
        return self.runs[-1]


def living_at(home: Path, instance: dg.DagsterInstance) -> Living:
    """Both pipelines over a home, without timers; samples may be published to moto."""
    settings = load_settings({"MEDALLION_HOME": str(home), "MEDALLION_TIMERS": "none", "MEDALLION_PIPELINES": NAMES})
    tables = tuple(published.to for pipeline in BOTH for published in pipeline.published)
    serving = Serving(region=REGION, creates_tables=True, publish_samples=tables)
    return Living(Graph(settings, instance, pipelines=BOTH, serving=serving))
