"""Export events that S3 loses, or delivers twice: they change when sensors look, and nothing of what they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.sensor import get_elapsed

from medallion_assets.orchestration.wakes.arrivals import TOGETHER_SECONDS
from medallion_assets.orchestration.wakes.export_events import ExportEvents
from medallion_assets.orchestration.wakes.waker import Waker
from medallion_assets.refining.bronze import loaded_ids
from medallion_assets.settings import load_settings
from medallion_assets.storage.object_events import Queue
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.instances import instance_on_disk
from medallion_assets_tests.orchestration.sensors.arriving_exports import BRONZE, TABLE, sensing
from medallion_assets_tests.orchestration.wakes.test_waker import INTERVAL, now_of, state_of
from medallion_assets_tests.refining.landing import AT, HOUR, Landing
from medallion_assets_tests.services.object_events import BUCKET, REGION, TellingBucket, telling_bucket
from medallion_assets_tests.services.waiting import wait_until

RAW = f"s3://{BUCKET}/raw"
"""The place of the exports, whose manifests S3 tells of."""
SENSOR = "arrivals_transactions"


@pytest.fixture
def bucket() -> Iterator[TellingBucket]:
    with telling_bucket() as found:
        yield found


@pytest.fixture
def graph(bucket: TellingBucket, tmp_path: Path) -> Iterator[Graph]:
    """The graph over exports in that bucket, in whose Dagster a sensor of arrivals looked a moment ago."""
    variables = {"MEDALLION_HOME": str(tmp_path), "MEDALLION_RAW_URL": RAW, **bucket.environment}
    with instance_on_disk() as instance:
        instance.add_instigator_state(state_of(SENSOR))
        yield Graph(load_settings(variables), instance)


def once(_: TellingBucket) -> None:
    """Leave the messages as S3 delivers them."""


def lost(bucket: TellingBucket) -> None:
    """Lose every message that waits."""
    bucket.sqs.purge_queue(QueueUrl=bucket.queue_url)


def doubled(bucket: TellingBucket) -> None:
    """Deliver every message that waits a second time."""
    queue, bodies = Queue(bucket.queue_url, REGION), list[str]()
    while messages := queue.receive(wait_seconds=0):
        queue.delete(messages)
        bodies += [message.body for message in messages]
    for body in bodies * 2:
        bucket.send(body)


def told(graph: Graph, bucket: TellingBucket) -> bool:
    """Take all messages as the daemon does; whether the sensor of arrivals is due for them."""
    assert not is_due(graph.instance)
    waker = Waker(graph.instance)
    waker.start()
    try:
        waits, events = bool(bucket.bodies()), ExportEvents(graph.instance, Queue(bucket.queue_url, REGION), RAW)
        while bucket.bodies():
            assert events.ask()
        if waits:
            wait_until(lambda: is_due(graph.instance), "the sensor is due", 20)
    finally:
        waker.stop(TOGETHER_SECONDS)
    return waits


def is_due(instance: dg.DagsterInstance) -> bool:
    return (get_elapsed(now_of(instance, state_of(SENSOR))) or 0) > INTERVAL


@pytest.mark.parametrize(
    ("delivered", "is_woken"),
    [
        (doubled, True),
        pytest.param(once, True, marks=pytest.mark.slow),
        pytest.param(lost, False, marks=pytest.mark.slow),
    ],
)
def test_the_tick_asks_for_the_same_run_once(
    graph: Graph, bucket: TellingBucket, delivered: Callable[[TellingBucket], None], is_woken: bool
) -> None:
    """Two exports land. Of a lost message nobody is woken: the tick comes at the sensor's own interval."""
    place = Landing(graph.settings.home, TABLE, raw_url=RAW, storage_options=graph.settings.storage_options)
    sensor = replace(sensing(graph), raw_url=RAW, storage_options=graph.settings.storage_options)
    exports = {place.full("a").export_id, place.window("b", begin=AT).export_id}
    delivered(bucket)
    assert told(graph, bucket) is is_woken

    (request,) = sensor.requests()
    asked = request.run_config["ops"]["bronze__customer_transactions"]["config"]["trigger"]["exports"]
    assert {found["export_id"] for found in asked} == exports
    assert sensor.run(request).success
    assert loaded_ids(graph.lakehouse.open(BRONZE)) == exports
    assert sensor.requests(HOUR.total_seconds()) == []
    assert sensor.reason == "no new export"
