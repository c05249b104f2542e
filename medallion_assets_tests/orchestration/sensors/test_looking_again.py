"""Sensors of arrivals wake themselves: soon while something happens, and not at all once it is quiet."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from medallion_assets.orchestration.sensors.arrivals import arrival_sensors
from medallion_assets.orchestration.wakes.messages import LONGEST_BYTES, listen, read
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS as PIPELINE
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.sensors.arriving_exports import landing
from medallion_assets_tests.orchestration.sensors.sensing import Sensing

HOUR = 3600


@pytest.fixture
def said(graph: Graph) -> Iterator[socket.socket]:
    """What hears wakes in the place of the daemon."""
    with listen(Path(graph.instance.root_directory)) as listener:
        listener.setblocking(False)
        yield listener


def wakes(said: socket.socket) -> list[tuple[str, float]]:
    found = list[tuple[str, float]]()
    with suppress(BlockingIOError):
        while (message := read(said.recv(LONGEST_BYTES))) is not None:
            found += [(sensor, message.after_seconds) for sensor in message.sensors]
    return found


@pytest.mark.parametrize("uses_timers", [True, False])
def test_the_next_look_is_soon_after_an_arrival_and_the_later_the_longer_nothing_comes(
    graph: Graph, said: socket.socket, uses_timers: bool
) -> None:
    """A sensor for each table as well as one for several."""
    sensor = Sensing(graph, arrival_sensors(replace(graph.settings, uses_timers=uses_timers), PIPELINE)[0])
    landing(graph)
    name = sensor.sensor.name
    sensor.tick(0)
    assert wakes(said) == [(name, 4)]
    sensor.tick(HOUR)
    assert wakes(said) == [(name, 14)]
    sensor.tick(2 * HOUR)
    assert wakes(said) == []
    landing(graph).full("a")
    sensor.tick(2 * HOUR + 30)
    assert wakes(said) == [(name, 4)]
    while (request := sensor.tick(2 * HOUR + 200)) is None:
        assert wakes(said) == [(name, 4)]
    assert sensor.run(request).success
    wakes(said)
    sensor.tick(2 * HOUR + 300)
    assert wakes(said) == [(name, 4)]
