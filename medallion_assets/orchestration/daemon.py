"""Dagster's daemon, whose sensors look as soon as they are woken, and not only when it comes round.

    medallion-daemon --workspace deploy/workspace.yaml --log-format json

Belongs here: running all of Dagster's daemons in one process, until SIGTERM or SIGINT.
Does not: what wakes sensors (wakes), what is asked of this process.

It is `dagster-daemon run` with one difference: between two rounds of its sensors it does not wait for 5 seconds, but
until a sensor is due, 5 seconds at most. One process evaluates sensors, and one place says which are due.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import dagster as dg
import typer
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.controller import create_daemon_of_type, daemon_controller_from_instance
from dagster._daemon.daemon import DaemonIterator, SensorDaemon
from dagster._utils.interrupts import capture_interrupts, setup_interrupt_handlers

from medallion_assets.errors import MedallionError
from medallion_assets.orchestration.hosting.startable import expect_startable
from medallion_assets.orchestration.wakes.export_events import ExportEvents
from medallion_assets.orchestration.wakes.landing_folders import LandingFolders
from medallion_assets.orchestration.wakes.waker import Waker
from medallion_assets.settings import Settings, load_settings
from medallion_assets.settings.environment import inherited_environment
from medallion_assets.storage.object_events import Queue

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
    """Dagster's sensor daemon, which comes round when a sensor is due because it was woken.

    Where the settings name a queue of export events, or exports lie on a disk, what arrives there wakes sensors too.
    """

    def __init__(self, instance: dg.DagsterInstance, settings: Settings) -> None:
        super().__init__(settings=instance.get_sensor_settings())
        self._settings = settings

    def core_loop(
        self, workspace_process_context: IWorkspaceProcessContext[Any], shutdown_event: threading.Event
    ) -> DaemonIterator:
        """Come round again and again."""
        due, stop, instance = threading.Event(), threading.Event(), workspace_process_context.instance
        waker = Waker(instance, come_round=due.set)
        waker.start(takes_over=True)
        if self._settings.events_queue:
            queue = Queue(self._settings.events_queue, self._settings.aws_region)
            events = ExportEvents(instance, queue, self._settings.raw_url)
            threading.Thread(target=events.listen, args=(stop,), name="export-events", daemon=True).start()
        if not self._settings.raw_url.startswith("s3://"):
            folders = LandingFolders(self._settings.raw_url)
            threading.Thread(target=folders.watch, args=(instance, stop), name="landing-folders", daemon=True).start()
        try:
            yield from super().core_loop(workspace_process_context, cast("Any", Pause(shutdown_event, due)))
        finally:
            stop.set()  # who waits for the queue at this moment is not waited for
            waker.stop(END_SECONDS)


def daemons(instance: dg.DagsterInstance, *, settings: Settings) -> Sequence[Any]:
    """Every daemon that the instance needs."""
    return [
        WokenSensorDaemon(instance, settings)
        if kind == WokenSensorDaemon.daemon_type()
        else create_daemon_of_type(kind, instance)
        for kind in instance.get_required_daemon_types()
    ]


def run(
    workspace: Annotated[Path, typer.Option(help="The file that says where the definitions are.")],
    log_format: Annotated[str, typer.Option(help="The format of the log: colored, json or rich.")] = "colored",
    log_level: Annotated[str, typer.Option(help="The lowest level that is logged.")] = "info",
) -> None:
    """Run the daemon of the instance in $DAGSTER_HOME until SIGTERM or Ctrl-C."""
    try:
        expect_startable(["--workspace", str(workspace)], inherited_environment())
        settings = load_settings()
    except MedallionError as error:
        sys.exit(f"medallion-daemon: {error}")
    setup_interrupt_handlers()
    with (
        suppress(KeyboardInterrupt),
        capture_interrupts(),
        dg.DagsterInstance.get() as instance,
        daemon_controller_from_instance(
            instance,
            WorkspaceFileTarget([str(workspace)]),
            gen_daemons=partial(daemons, settings=settings),
            log_format=log_format,
            log_level=log_level,
            code_server_log_level=log_level,
        ) as controller,
    ):
        controller.check_daemon_loop()


def main() -> None:
    """What the console script calls."""
    typer.run(run)


if __name__ == "__main__":
    main()
