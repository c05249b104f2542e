"""The waker: a thread that hears wakes, and makes their sensors due in Dagster's storage.

Belongs here: hearing, reading when sensors looked, and making them due.
Does not: when it is due, or Dagster's daemon, which looks at what is due.

Dagster's daemon passes over a sensor whose last look began less than its interval ago, as its state in the storage
says. The waker dates that look back by the interval; nothing but the daemon evaluates a sensor. It writes no state
while a look is under way, so that no cursor is lost, nor a state that it finds written since it decided: a person may
have stopped the sensor. Such a sensor stays pending, and is decided about again.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, InstigatorType

from medallion_assets.orchestration.wakes.messages import LONGEST_BYTES, is_heard, listen, read
from medallion_assets.orchestration.wakes.pending import Looks, Pending

AGAIN_SECONDS = 1.0
"""How soon a storage that did not answer is asked again."""
LOG = logging.getLogger(__name__)


def _nothing() -> None:
    """Whoever looks at what is due comes round by himself."""


class Waker:
    """Makes sensors due that somebody wakes, from `start` until `stop`. There may be any number; one of a home hears.

    `come_round` is called whenever a sensor is due. `clock` gives UNIX seconds.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        come_round: Callable[[], object] = _nothing,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._instance = instance
        self._home = Path(instance.root_directory)
        self._come_round = come_round
        self._clock = clock
        self._pending = Pending()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._listener: socket.socket | None = None

    def start(self, *, takes_over: bool = False) -> None:
        """Begin; where somebody else hears for this home already, this one does if it `takes_over`."""
        if not takes_over and is_heard(self._home):
            return
        try:
            self._listener = listen(self._home)
        except OSError as error:
            LOG.warning("no sensor is woken, each looks at its own interval: %s", error)
            return
        self._thread = threading.Thread(target=self._hear, args=(self._listener,), name="waker", daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Hear no more. What is under way may take so long."""
        self._stop.set()
        if self._thread is not None and self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RD)  # who waits there returns
            self._thread.join(seconds)

    def _hear(self, listener: socket.socket) -> None:
        with listener:
            while not self._stop.is_set():
                listener.settimeout(self._pending.seconds_left(self._clock()))
                with suppress(TimeoutError, BlockingIOError):
                    message = read(listener.recv(LONGEST_BYTES))
                    if message is not None:
                        after = message.after_seconds
                        self._pending.add(message.sensors, now=self._clock(), after_seconds=after)
                if not self._stop.is_set() and self._pending.seconds_left(self._clock()) == 0:
                    self.look(self._clock())

    def look(self, now: float) -> None:
        """Decide about the wakes that are pending at `now` (UNIX seconds)."""
        try:
            states = states_of_sensors(self._instance)
            due = self._pending.due_now({state.instigator_name: looks_of(state) for state in states}, now)
            make_due(self._instance, states, due, now)
        except Exception:
            LOG.exception("sensors cannot be woken now; it is tried again")
            self._stop.wait(AGAIN_SECONDS)
            return
        if due:
            self._come_round()


def states_of_sensors(instance: dg.DagsterInstance) -> list[InstigatorState]:
    """The stored states of all sensors that ever looked."""
    return list(instance.all_instigator_state(instigator_type=InstigatorType.SENSOR))


def make_due(
    instance: dg.DagsterInstance, states: Collection[InstigatorState], sensors: Collection[str], now: float
) -> None:
    """Date the last look of some sensors back, so that they are due at `now`; all else of their states stays.

    A state that is no longer what it was is left alone.
    """
    for state in states:
        data = state.sensor_instigator_data
        if state.instigator_name in sensors and data is not None and _is_unchanged(instance, state):
            before = now - (data.min_interval or 0) - 1
            instance.update_instigator_state(
                state.with_data(
                    data._replace(
                        last_tick_timestamp=_at_most(data.last_tick_timestamp, before),
                        last_tick_start_timestamp=_at_most(data.last_tick_start_timestamp, before),
                    )
                )
            )


def _is_unchanged(instance: dg.DagsterInstance, state: InstigatorState) -> bool:
    return instance.get_instigator_state(state.instigator_origin_id, state.selector_id) == state


def looks_of(state: InstigatorState) -> Looks:
    """When a sensor looked, as its state says."""
    data = state.sensor_instigator_data
    ended = data.last_tick_timestamp if data else None
    began = data.last_tick_start_timestamp if data else None
    return Looks(
        began_at=max(began or 0, ended or 0),
        is_over=data is None or data.last_tick_success_timestamp is not None or (ended or 0) >= (began or 0),
        is_on=state.is_running,
    )


def _at_most(moment: float | None, latest: float) -> float | None:
    return None if moment is None else min(moment, latest)
