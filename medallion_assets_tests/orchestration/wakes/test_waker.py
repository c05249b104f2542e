"""A sensor that is woken is due by the rule of Dagster's own daemon; all else that its state holds stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType, SensorInstigatorData
from dagster._daemon.sensor import get_elapsed

from medallion_assets.orchestration.wakes.messages import is_heard, wake
from medallion_assets.orchestration.wakes.waker import Waker, make_due, states_of_sensors
from medallion_assets_tests.instances import instance_on_disk

PATIENCE_SECONDS = 60.0
"""A bound, not an expectation."""
INTERVAL = 3_600
LOCATION = GrpcServerCodeLocationOrigin("127.0.0.1", port=1, location_name="test")
Status = InstigatorStatus


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with instance_on_disk() as found:
        yield found


def state_of(name: str, status: Status = Status.DECLARED_IN_CODE, **times: float | None) -> InstigatorState:
    """A sensor that looked a moment ago, and is to look once an hour."""
    now = time.time()
    ticked = {"last_tick_timestamp": now - 5, "last_tick_start_timestamp": now - 5, "last_tick_success_timestamp": now}
    data = SensorInstigatorData(min_interval=INTERVAL, cursor="up to here", last_run_key="key", **{**ticked, **times})
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(LOCATION, "__repository__"), name)
    return InstigatorState(origin, InstigatorType.SENSOR, status, data)


def now_of(instance: dg.DagsterInstance, state: InstigatorState) -> InstigatorState:
    """The state as it is stored now."""
    found = instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
    assert found is not None
    return found


@pytest.fixture
def woken(instance: dg.DagsterInstance) -> Iterator[Event]:
    """A waker at work, and what is set when a sensor is due."""
    due = Event()
    waker = Waker(instance, come_round=due.set)
    waker.start()
    yield due
    waker.stop(PATIENCE_SECONDS)
    assert not is_heard(Path(instance.root_directory))


@pytest.mark.parametrize("status", [Status.DECLARED_IN_CODE, Status.RUNNING])
def test_a_sensor_that_is_woken_is_due_and_nothing_else_of_it_changes(
    instance: dg.DagsterInstance, woken: Event, status: Status
) -> None:
    sales, other = state_of("sales", status), state_of("other")
    for state in (sales, other):
        instance.add_instigator_state(state)
    wake(Path(instance.root_directory), ["sales"])
    assert woken.wait(PATIENCE_SECONDS)
    after = now_of(instance, sales)
    assert (get_elapsed(after) or 0) > INTERVAL
    assert after.status is status
    before, data = sales.sensor_instigator_data, after.sensor_instigator_data
    assert before is not None
    assert data is not None
    moved = {"last_tick_timestamp", "last_tick_start_timestamp"}
    assert {k: v for k, v in data._asdict().items() if k not in moved} == {
        k: v for k, v in before._asdict().items() if k not in moved
    }
    assert now_of(instance, other) == other


def test_a_sensor_that_a_person_has_stopped_stays_as_it_is(instance: dg.DagsterInstance, woken: Event) -> None:
    stopped, sales = state_of("stopped", Status.STOPPED), state_of("sales")
    for state in (stopped, sales):
        instance.add_instigator_state(state)
    wake(Path(instance.root_directory), ["stopped", "sales", "never heard of"])
    assert woken.wait(PATIENCE_SECONDS)
    assert now_of(instance, stopped) == stopped


def test_a_state_that_somebody_has_written_meanwhile_is_left_alone(instance: dg.DagsterInstance) -> None:
    sales, other = state_of("sales"), state_of("other")
    for state in (sales, other):
        instance.add_instigator_state(state)
    decided_on = states_of_sensors(instance)
    data = sales.sensor_instigator_data
    assert data is not None
    stopped = sales.with_status(Status.STOPPED).with_data(data._replace(cursor="further"))
    instance.update_instigator_state(stopped)
    make_due(instance, decided_on, ["sales", "other"], time.time())
    assert now_of(instance, sales) == stopped
    assert (get_elapsed(now_of(instance, other)) or 0) > INTERVAL


def test_no_state_is_written_in_the_middle_of_a_look(instance: dg.DagsterInstance, woken: Event) -> None:
    """The look is about to write the cursor of the same state."""
    looking = state_of("looking", last_tick_start_timestamp=time.time(), last_tick_success_timestamp=None)
    sales = state_of("sales")
    for state in (looking, sales):
        instance.add_instigator_state(state)
    wake(Path(instance.root_directory), ["looking", "sales"])
    assert woken.wait(PATIENCE_SECONDS)
    assert now_of(instance, looking) == looking
    instance.update_instigator_state(state_of("looking"))  # the look has ended
    while (get_elapsed(now_of(instance, looking)) or 0) < INTERVAL:
        woken.clear()
        assert woken.wait(PATIENCE_SECONDS)


def test_a_storage_that_does_not_answer_is_asked_again(
    instance: dg.DagsterInstance, woken: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.add_instigator_state(state_of("sales"))
    asked, answer = Event(), instance.all_instigator_state

    def away(**_: object) -> list[InstigatorState]:
        monkeypatch.setattr(instance, "all_instigator_state", answer)
        asked.set()
        raise OSError("away")

    monkeypatch.setattr(instance, "all_instigator_state", away)
    wake(Path(instance.root_directory), ["sales"])
    assert asked.wait(PATIENCE_SECONDS)
    assert woken.wait(PATIENCE_SECONDS)


def test_of_two_one_hears_and_who_takes_over_is_the_one(instance: dg.DagsterInstance) -> None:
    instance.add_instigator_state(state_of("sales"))
    heard = [Event(), Event(), Event()]
    first, second, third = (Waker(instance, come_round=due.set) for due in heard)
    first.start()
    second.start()
    third.start(takes_over=True)
    try:
        wake(Path(instance.root_directory), ["sales"])
        assert heard[2].wait(PATIENCE_SECONDS)
        assert not heard[0].is_set()
        assert not heard[1].is_set()
    finally:
        for waker in (first, second, third):
            waker.stop(PATIENCE_SECONDS)
