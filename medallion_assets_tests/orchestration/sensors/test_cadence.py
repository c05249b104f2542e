"""Sensors are looked at as often as they are meant to be, by the rule of Dagster's own daemon."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_representation.external import RemoteSensor
from dagster._core.remote_representation.external_data import SensorSnap
from dagster._core.remote_representation.handle import RepositoryHandle
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._core.test_utils import freeze_time
from dagster._daemon.sensor import MIN_INTERVAL_LOOP_TIME, is_under_min_interval

from medallion_assets.contracts.sensor_names import ARRIVALS
from medallion_assets.definitions import build_defs
from medallion_assets.orchestration.sensors.cadence import minimum_interval
from medallion_assets.settings import load_settings
from medallion_assets.settings.looks import LOOP_SECONDS
from medallion_assets_tests.graph import REGION

START = 4_000_000_000.0
ROUND_SECONDS = 5.02
"""From one round of the daemon to the next: its pause, and what a round itself takes."""
ROUNDS = 130
SECONDS = {
    "file_arrival": 30,
    "arrivals": 30,
    "table_update_enriched": 30,
    "restated": 30,
    "diagnose": 10,
    "run_outcomes": 15,
    "alert_sender": 30,
    "alert_rules": 300,
}
LATE: dict[str, Callable[[int], float]] = {
    "on time": lambda _: 0.01,
    "late": lambda _: 2.5,
    "late in every second round": lambda number: 2.5 * (1 - number % 2),
}
"""How many seconds after its round a tick begins: it waits for one of the daemon's threads, and for the machine."""


@cache
def sensors(**variables: str) -> list[RemoteSensor]:
    """The sensors as the daemon knows them."""
    definitions = build_defs(load_settings({"AWS_DEFAULT_REGION": REGION, **variables}))
    repository = definitions.get_repository_def()
    handle = RepositoryHandle.for_test(location_name="test", repository_name=repository.name)
    return [RemoteSensor(SensorSnap.from_def(sensor, repository), handle) for sensor in repository.sensor_defs]


def rounds_looked_in(sensor: RemoteSensor, lateness: Callable[[int], float]) -> list[int]:
    """The rounds of the daemon in which a sensor has a tick, which begins `lateness` after the round."""
    began, looked = None, list[int]()
    for number in range(ROUNDS):
        at = START + number * ROUND_SECONDS
        data = SensorInstigatorData(last_tick_start_timestamp=began, min_interval=sensor.min_interval_seconds)
        state = InstigatorState(sensor.get_remote_origin(), InstigatorType.SENSOR, InstigatorStatus.RUNNING, data)
        with freeze_time(at):
            if is_under_min_interval(state, sensor):
                continue
        looked.append(number)
        began = at + lateness(number)
    return looked


@pytest.mark.parametrize("lateness", LATE.values(), ids=LATE)
@pytest.mark.parametrize(("timers", "woken_seconds"), [("contract", 5), ("none", 30)])
def test_every_sensor_is_looked_at_in_each_round_that_it_is_due_in(
    timers: str, woken_seconds: int, lateness: Callable[[int], float]
) -> None:
    seconds = SECONDS | {"table_update_customer": woken_seconds}
    for sensor in sensors(MEDALLION_TIMERS=timers):
        (due,) = [every for prefix, every in seconds.items() if sensor.name.startswith(prefix)]
        assert rounds_looked_in(sensor, lateness) == list(range(0, ROUNDS, due // LOOP_SECONDS)), sensor.name


def test_arrivals_are_looked_for_as_often_as_is_set_though_nobody_wakes_their_sensors() -> None:
    def intervals(seconds: int) -> set[int]:
        found = sensors(MEDALLION_ARRIVALS_SECONDS=str(seconds))
        return {sensor.min_interval_seconds for sensor in found if sensor.name.startswith(ARRIVALS)}

    assert intervals(60) == {minimum_interval(60)}
    assert intervals(5) == {minimum_interval(5)}


def test_in_plain_dagster_dev_every_sensor_of_tables_is_looked_at_in_every_round() -> None:
    """Nobody watches folders there, and nobody hears wakes before the first run; what is set holds there too."""
    of_tables = ("file_arrival", "arrivals", "table_update", "restated")
    for timers in ("contract", "none"):
        found = sensors(MEDALLION_TIMERS=timers, DAGSTER_IS_DEV_CLI="1")
        every = {sensor.min_interval_seconds for sensor in found if sensor.name.startswith(of_tables)}
        assert every == {minimum_interval(5)}
    found = sensors(MEDALLION_ARRIVALS_SECONDS="60", DAGSTER_IS_DEV_CLI="1")
    assert minimum_interval(60) in {sensor.min_interval_seconds for sensor in found if sensor.name.startswith(ARRIVALS)}


def test_the_beat_is_the_daemons() -> None:
    assert LOOP_SECONDS == MIN_INTERVAL_LOOP_TIME


@pytest.mark.parametrize("seconds", [-5, 0, 1, 4, 7])
def test_what_the_daemon_cannot_keep_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="expected a multiple of 5 s"):
        minimum_interval(seconds)
