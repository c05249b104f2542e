"""A place where exports land, and the file-arrival sensor that watches it.

Belongs here: landing exports of one table, and ticks whose run is carried out.
Does not: expectations of any kind.
"""

from __future__ import annotations

import dagster as dg

from medallion_assets.contracts.policies import AT_ONCE, Timers
from medallion_assets.orchestration.sensors.arrival import arrival_sensor
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS as PIPELINE
from medallion_assets.refining.bronze import bronze_table
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.sensors.sensing import Sensing
from medallion_assets_tests.refining.landing import Landing

TABLE = "customer_transactions"
BRONZE = bronze_table(TABLE)


def landing(graph: Graph) -> Landing:
    place = Landing(graph.settings.home, table=TABLE)
    place.raw_url = graph.settings.raw_url
    return place


def sensing(graph: Graph, timers: Timers = AT_ONCE) -> Sensing:
    return Sensing(graph, arrival_sensor(PIPELINE, pipeline.declared(CUSTOMER_TRANSACTIONS), timers))


def load(sensor: Sensing, seconds: float = 0) -> dg.RunRequest:
    """One tick that asks, and the run it asks for."""
    request = sensor.tick(seconds)
    assert request is not None, sensor.reason
    assert sensor.run(request).success
    return request
