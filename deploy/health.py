#!/usr/bin/env python3
"""Health of a deployment: every part of it, what was found, and what to do. Exit code 1: a part is not well.

Belongs here: looking at the parts from outside, as a load balancer, a monitoring system or a person at 3 AM does.
Does not: how well the tables are (`medallion status`, `medallion verify`).

The processes read the same variables (deploy/medallion.env.example). `--wait` repeats until all is well.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from medallion_assets.errors import MedallionError
from medallion_assets.errors.service_hints import log_of, restart_of
from medallion_assets.orchestration.hosting.ports import port_of, reached_at

SECONDS = 5  # how long a part may take to answer
LOOK_SECONDS = 30
"""How long a look may take altogether. Dagster and drivers would wait for ever for a database that has frozen."""
HEARTBEAT_SECONDS = 120
"""A daemon's loop tells every 30 s that it lives."""
TICK_SECONDS = 120  # how much later than its interval says a sensor may be evaluated


class NotWellError(Exception):
    """What was found, and what to do about it."""

    def __init__(self, found: str, do: str) -> None:
        super().__init__(found)
        self.do = do


@dataclass(frozen=True)
class Answer:
    """How one part is."""

    part: str
    is_well: bool
    found: str
    do: str = ""


def settings() -> str:
    """The MEDALLION_* variables are allowed values, contracts can be kept, and triggers are on or off."""
    from medallion_assets.settings import load_settings
    from medallion_assets.stages.usable import expect_usable

    try:
        found = load_settings()
    except MedallionError as error:
        raise NotWellError(str(error), "correct the settings file, then restart") from error
    if not os.environ.get("MEDALLION_TRIGGERS"):
        do = "set it to on (or off, if that is meant) in the settings file, or copy the units of this release"
        raise NotWellError("MEDALLION_TRIGGERS is not set: no sensor and no schedule would start anything", do)
    expect_usable(found)
    return f"lakehouse {found.lakehouse_url}, triggers {'on' if found.uses_triggers else 'off'}"


def secrets() -> str:
    """Nobody but the deployment can read the settings file."""
    file = os.environ.get("MEDALLION_SETTINGS") or "/etc/medallion/medallion.env"
    check = Path(__file__).with_name("check-mode")
    done = subprocess.run([check, file], capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    if done.returncode:
        found, _, do = done.stdout.strip().partition("; what to do: ")
        raise NotWellError(found or done.stderr.strip(), do or f"look at {file}")
    return f"{file} is private" if Path(file).exists() else f"there is no {file}"


def postgresql() -> str:
    """The database of Dagster's runs answers, and takes what is written to it."""
    from medallion_assets.orchestration.hosting.dagster_database import expect_writable

    return expect_writable(os.environ.get("DAGSTER_POSTGRES_URL", ""), seconds=SECONDS)


def disk() -> str:
    """Dagster, the runs and, if they lie on this host, the tables may write, and have room for it."""
    from medallion_assets.orchestration.runs.locks import FOLDER, expect_writable
    from medallion_assets.storage.disk_space import room_for_runs

    if home := os.environ.get("DAGSTER_HOME"):
        expect_writable(Path(home) / FOLDER)
    found = room_for_runs(os.environ)
    if short := [str(room) for room in found if not room.is_enough]:
        raise NotWellError(", ".join(short), "free space there: docs/production.md, What happens when a disk is full")
    return ", ".join(map(str, found))


def places() -> str:
    """Something of ours lies where exports and tables are looked for."""
    from medallion_assets.operations.places import looked_for_in
    from medallion_assets.settings import load_settings

    found = load_settings()
    if wrong := [place for place in looked_for_in(found) if not place.is_fine]:
        raise NotWellError("; ".join(f"{place.what} is {place.state}: {place.found}" for place in wrong), wrong[0].do)
    return f"{found.raw_url} and {found.lakehouse_url}"


def code_server() -> str:
    """The process that holds the definitions answers, and tells all of them."""
    with _definitions() as (_, repository):
        return f"127.0.0.1:{_port()}: {len(repository.get_all_jobs())} jobs, {len(repository.get_sensors())} sensors"


def sensors() -> str:
    """Every sensor that is on was evaluated lately, and without an error."""
    from dagster._core.scheduler.instigation import TickStatus

    silent, failed, on = [], [], 0
    with _definitions() as (instance, repository):
        for sensor in repository.get_sensors():
            names = (sensor.get_remote_origin_id(), sensor.selector_id)
            state = sensor.get_current_instigator_state(instance.get_instigator_state(*names))
            on += state.is_running
            last = getattr(state.instigator_data, "last_tick_timestamp", None) or 0.0
            if state.is_running and time.time() - last > sensor.min_interval_seconds + TICK_SECONDS:
                silent.append(sensor.name)
            elif state.is_running and any(
                tick.status is TickStatus.FAILURE for tick in instance.get_ticks(*names, limit=1)
            ):
                failed.append(sensor.name)
    if silent:
        found = f"not evaluated for over {TICK_SECONDS} s: {', '.join(sorted(silent))}"
        raise NotWellError(found, f"see code-server and daemon; then {restart_of('daemon')}")
    if failed:
        raise NotWellError(f"the last tick failed: {', '.join(sorted(failed))}", "read the tick's error in the UI")
    return f"{on} sensors evaluated lately"


def export_events() -> str:
    """The queue that tells of new exports is asked by the daemon, and answers, where one is set."""
    from medallion_assets.orchestration.wakes.event_notes import expect_asked
    from medallion_assets.settings import load_settings

    return expect_asked(load_settings().events_queue, time.time())


@contextmanager
def _definitions() -> Iterator[tuple[Any, Any]]:
    """The instance, and what the code server has loaded."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", _port())):
            raise NotWellError(f"nothing answers at 127.0.0.1:{_port()}", log_of("code-server"))
    os.environ["DAGSTER_GRPC_TIMEOUT_SECONDS"] = str(2 * SECONDS)  # it is read with the import
    import dagster as dg
    from dagster._core.remote_origin import GrpcServerCodeLocationOrigin

    origin = GrpcServerCodeLocationOrigin("127.0.0.1", port=_port(), location_name="medallion_assets")
    with dg.DagsterInstance.get() as instance:
        try:
            location = origin.create_location(instance)
            (repository,) = location.get_repositories().values()
            location.cleanup()
        except (dg.DagsterError, ValueError) as error:
            found = f"no definitions from 127.0.0.1:{_port()}: {str(error).strip().splitlines()[0]}"
            raise NotWellError(found, log_of("code-server")) from error
        yield instance, repository


def _port() -> int:
    return port_of("MEDALLION_CODE_SERVER_PORT", os.environ.get("MEDALLION_CODE_SERVER_PORT", "4266"))


def fork_server() -> str:
    """The process from which runs are forked forks one, or none is to be forked."""
    from medallion_assets.orchestration.runs.forks.asking import expect_forks

    return expect_forks(os.environ)


def webserver() -> str:
    """The UI answers, and knows the definitions."""
    from medallion_assets.orchestration.hosting.web_server import expect_definitions

    port = port_of("MEDALLION_UI_PORT", os.environ.get("MEDALLION_UI_PORT", "3000"))
    url = f"http://{reached_at(os.environ.get('MEDALLION_UI_HOST', '127.0.0.1'), port)}"
    return expect_definitions(url, seconds=SECONDS)


def daemon() -> str:
    """Every loop of the daemon has told lately that it lives."""
    import dagster as dg
    from dagster._daemon.controller import get_daemon_statuses

    try:
        with dg.DagsterInstance.get() as instance:
            kinds, seconds = instance.get_required_daemon_types(), HEARTBEAT_SECONDS
            statuses = get_daemon_statuses(instance, kinds, ignore_errors=True, heartbeat_tolerance_seconds=seconds)
    except Exception as error:
        found = f"Dagster's instance cannot be read: {type(error).__name__}: {error}"
        raise NotWellError(found, "see postgresql above; DAGSTER_HOME must contain dagster.yaml") from error
    silent = sorted(name.lower() for name, status in statuses.items() if not status.healthy)
    if silent:
        raise NotWellError(f"silent for {HEARTBEAT_SECONDS} s or more: {', '.join(silent)}", log_of("daemon"))
    return f"{len(statuses)} loops live"


def idle() -> str:
    """No run is at work: the whole can be stopped without ending one."""
    import dagster as dg

    from medallion_assets.orchestration.runs.whereabouts import at_work

    with dg.DagsterInstance.get() as instance:
        found = ", ".join(at_work(instance))
    if found:
        raise NotWellError(f"in progress: {found}", "stop the daemon, so that no more begin, and wait (--wait 7200)")
    return "no run is active"


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "secrets": secrets,
    "postgresql": postgresql,
    "disk": disk,
    "places": places,
    "code-server": code_server,
    "daemon": daemon,
    "fork-server": fork_server,
    "sensors": sensors,
    "export-events": export_events,
    "webserver": webserver,
}
ON_DEMAND = {"idle": idle}  # what is looked at only when it is named
NAMES = ", ".join(PARTS | ON_DEMAND)


def look(part: str, ask: Callable[[], str], seconds: float = LOOK_SECONDS) -> Answer:
    """How a part is that is asked so. One that cannot be looked at in time is not well."""
    answer: Future[Answer] = Future()
    Thread(target=lambda: answer.set_result(_look(part, ask)), daemon=True).start()
    try:
        return answer.result(seconds)
    except FutureTimeoutError:
        found = f"no answer within {seconds} s"
        return Answer(part, False, found, "see whether PostgreSQL answers and the host is overloaded")


def _look(part: str, ask: Callable[[], str]) -> Answer:
    try:
        return Answer(part, True, ask())
    except NotWellError as error:
        return Answer(part, False, str(error), error.do)
    except MedallionError as error:
        return Answer(part, False, error.headline, error.do or "see the parts above; then read its log")
    except Exception as error:  # noqa: BLE001 - what Dagster raises while its database is away hides no other part
        first = str(error).strip().partition("\n")[0]
        return Answer(part, False, f"{type(error).__name__}: {first}", "see the parts above; then read its log")


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"One of {NAMES}; may be repeated.")] = None,
    wait: Annotated[float, typer.Option(help="Retry for this many seconds until every part is well.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say how every part of the deployment is. Exit 1: problems found."""
    if unknown := sorted(set(only or ()) - set(PARTS | ON_DEMAND)):
        raise typer.BadParameter(f"{', '.join(unknown)}: expected {NAMES}")
    deadline = time.monotonic() + wait
    while True:
        answers = [look(part, (PARTS | ON_DEMAND)[part]) for part in only or PARTS]
        is_well = all(answer.is_well for answer in answers)
        if is_well or time.monotonic() >= deadline:
            break
        time.sleep(1)
    console = Console() if Console().is_terminal else Console(width=200)
    if as_json:
        console.print_json(json.dumps({"is_well": is_well, "parts": [asdict(answer) for answer in answers]}))
    else:
        page = Table("part", "state", "found", "what to do")
        for answer in answers:
            page.add_row(answer.part, "well" if answer.is_well else "NOT WELL", answer.found, answer.do)
        console.print(page)
    raise typer.Exit(0 if is_well else 1)


if __name__ == "__main__":
    typer.run(main)
