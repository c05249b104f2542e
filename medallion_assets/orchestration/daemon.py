"""Dagster's daemon, whose sensors look as soon as they are woken, and not only when it comes round.

    medallion-daemon --workspace deploy/workspace.yaml --log-format json

Belongs here: running all of Dagster's daemons in one process, until SIGTERM or SIGINT.
Does not: what wakes sensors (wakes), what is asked of this process (deploy/watched.py).

It is `dagster-daemon run` with one difference: between two rounds of its sensors it does not wait for 5 seconds, but
until a sensor is due, 5 seconds at most. One process evaluates sensors, and one place says which are due.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, cast

import dagster as dg
import typer
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.controller import create_daemon_of_type, daemon_controller_from_instance
from dagster._daemon.daemon import DaemonIterator, SensorDaemon
from dagster._utils.interrupts import capture_interrupts, setup_interrupt_handlers

from medallion_assets.orchestration.wakes.waker import Waker

LOOK_SECONDS = 0.5
"""How soon it is noticed that the daemon is to end."""
END_SECONDS = 5.0
"""How long the waker may take to finish what it writes."""


class Pause:
    """The pause of the daemon between two rounds of its sensors: until one is due, or the daemon is to end."""

    def __init__(self, ending: threading.Event, due: threading.Event) -> None:
        self._ending = ending
        self._due = due

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether the daemon is to end."""
        until = time.monotonic() + seconds
        while not self._ending.is_set() and (left := until - time.monotonic()) > 0:
            if self._due.wait(min(left, LOOK_SECONDS)):
                break
        self._due.clear()
        return self._ending.is_set()


class WokenSensorDaemon(SensorDaemon):
    """Dagster's sensor daemon, which comes round when a sensor is due because it was woken."""

    def core_loop(
        self, workspace_process_context: IWorkspaceProcessContext[Any], shutdown_event: threading.Event
    ) -> DaemonIterator:
        """Come round again and again."""
        due = threading.Event()
        waker = Waker(workspace_process_context.instance, come_round=due.set)
        waker.start(takes_over=True)
        try:
            yield from super().core_loop(workspace_process_context, cast("Any", Pause(shutdown_event, due)))
        finally:
            waker.stop(END_SECONDS)


def daemons(instance: dg.DagsterInstance) -> Sequence[Any]:
    """Every daemon that the instance needs."""
    return [
        WokenSensorDaemon(settings=instance.get_sensor_settings())
        if kind == WokenSensorDaemon.daemon_type()
        else create_daemon_of_type(kind, instance)
        for kind in instance.get_required_daemon_types()
    ]


def run(
    workspace: Annotated[Path, typer.Option(help="The file that says where the definitions are.")],
    log_format: Annotated[str, typer.Option(help="How each line of the log looks: colored, json or rich.")] = "colored",
) -> None:
    """Run the daemon of the instance in $DAGSTER_HOME until SIGTERM or Ctrl-C."""
    setup_interrupt_handlers()
    with (
        suppress(KeyboardInterrupt),
        capture_interrupts(),
        dg.DagsterInstance.get() as instance,
        daemon_controller_from_instance(
            instance, WorkspaceFileTarget([str(workspace)]), gen_daemons=daemons, log_format=log_format
        ) as controller,
    ):
        controller.check_daemon_loop()


def main() -> None:
    """What the console script calls."""
    typer.run(run)
