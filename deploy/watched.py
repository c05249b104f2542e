#!/usr/bin/env python3
"""Runs one of the deployment's programs, and tells whoever supervises it every few seconds that it answers.

    deploy/watched.py dagster api grpc -m medallion_assets.definitions --host 127.0.0.1 --port 4266
    deploy/watched.py medallion-daemon --workspace deploy/workspace.yaml

Belongs here: asking the program, from within its own process, what its users ask it; saying so to systemd or to
supervisor.py (sd_notify). Does not: ending what hangs (they do), the health of the whole (health.py).

A process that is alive and answers nobody is worth nothing, and no exit code tells of it. What asks is a thread of that
same process: when the process stands still it says nothing either.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import cache
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from threading import Thread

from medallion_assets.errors import MedallionError
from medallion_assets.orchestration.hosting.notify import supervisor
from medallion_assets.orchestration.hosting.ports import reached_at
from medallion_assets.orchestration.hosting.startable import expect_startable

LOOK_SECONDS = 5.0
ANSWER_SECONDS = 10.0
BUSY_SECONDS = 300.0
"""So long may a program that is reached leave every question unanswered: its threads may all wait for a slow store. A
new process would find the same store, and lose what this one is about to finish."""
START_SECONDS = 300.0
"""How long a program may take until it answers for the first time."""
SILENT_LOOP_SECONDS = 300
"""A loop of the daemon tells every 30 s that it lives; a slow one may be busy."""
DAEMONS = ("medallion-daemon", "dagster-daemon")
"""Ours, and Dagster's own, which units of earlier releases name."""
Look = Callable[[], bool]


def patient(ask: Look, clock: Callable[[], float] = time.monotonic) -> Look:
    """The same look, which takes an answer that is late (TimeoutError) for a good one, for a while after a real one."""
    answered_at = float("-inf")

    def look() -> bool:
        nonlocal answered_at
        try:
            is_well = ask()
        except TimeoutError:
            return clock() - answered_at < BUSY_SECONDS
        if is_well:
            answered_at = clock()
        return is_well

    return look


def code_server(host: str, port: int, seconds: float = ANSWER_SECONDS) -> Look:
    """The code server says what it has loaded; TimeoutError where it is reached, and does not answer in time."""
    import grpc
    from dagster._grpc.__generated__.dagster_api_pb2 import ListRepositoriesRequest
    from dagster._grpc.__generated__.dagster_api_pb2_grpc import DagsterApiStub

    def ask() -> bool:
        with grpc.insecure_channel(reached_at(host, port)) as channel:
            try:
                DagsterApiStub(channel).ListRepositories(  # type: ignore[no-untyped-call]
                    ListRepositoriesRequest(), timeout=seconds
                )
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise TimeoutError from error
                return False
            return True

    return ask


def webserver(host: str, port: int, seconds: float = ANSWER_SECONDS) -> Look:
    """The web server says which version it is; TimeoutError as with a code server."""
    import httpx

    def ask() -> bool:
        try:
            return httpx.get(f"http://{reached_at(host, port)}/server_info", timeout=seconds).is_success
        except httpx.ReadTimeout as error:
            raise TimeoutError from error
        except httpx.HTTPError:
            return False

    return ask


def daemon(seconds: float = ANSWER_SECONDS) -> Look:
    """Every loop of the daemon has told lately that it lives; so it counts as well while the database is away.

    The first look also has this process watch runs that started before it did.
    """
    import dagster as dg
    from dagster._daemon.controller import get_daemon_statuses

    from medallion_assets.orchestration.runs.launcher import WatchedRunLauncher

    made, threads, asked = cache(dg.DagsterInstance.get), ThreadPoolExecutor(1), list[Future[bool]]()

    def ask() -> bool:
        instance = made()
        if isinstance(instance.run_launcher, WatchedRunLauncher):
            instance.run_launcher.watch()
        kinds, tolerated = instance.get_required_daemon_types(), SILENT_LOOP_SECONDS
        found = get_daemon_statuses(instance, kinds, ignore_errors=True, heartbeat_tolerance_seconds=tolerated)
        return all(status.healthy for status in found.values())

    def look() -> bool:
        answer = asked.pop() if asked else threads.submit(ask)
        try:
            return answer.result(seconds)
        except FutureTimeoutError:
            asked.append(answer)
        except Exception as error:  # noqa: BLE001 - of the database
            sys.stderr.write(f"watched.py: {type(error).__name__}: {error}\n")
        return True  # the database is away, or frozen: no new process would find it

    return look


def look_of(program: str, arguments: Sequence[str]) -> Look:
    """What is asked of a program that runs with these arguments.

    What that needs is imported here, before there are two threads: modules of Dagster import each other in circles.
    """
    options = dict(pairwise(arguments))
    host, port = options.get("--host", "127.0.0.1"), int(options.get("--port", "0"))
    if program in DAEMONS:
        return daemon()
    return patient((webserver if program == "dagster-webserver" else code_server)(host, port))


def tell(
    look: Look,
    say: Callable[[bytes], object],
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Look for ever; say READY=1 once it answers, WATCHDOG=1 while it does, or may not have begun to yet."""
    began_at, has_answered = clock(), False
    while True:
        if _answers(look):
            say(b"WATCHDOG=1" if has_answered else b"READY=1\nWATCHDOG=1")
            has_answered = True
        elif not has_answered and clock() - began_at < START_SECONDS:
            say(b"WATCHDOG=1")
        sleep(LOOK_SECONDS)


def _answers(look: Look) -> bool:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - whatever it is, this program does not answer
        sys.stderr.write(f"{Path(__file__).name}: {type(error).__name__}: {error}\n")
        return False


def main() -> None:
    """Run a console script of an installed package within this process."""
    program, *arguments = sys.argv[1:]
    (script,) = entry_points(group="console_scripts", name=program)
    try:
        expect_startable(arguments, os.environ)
    except MedallionError as error:
        sys.exit(f"{program}: {error}")
    run = script.load()
    if os.environ.get("NOTIFY_SOCKET"):
        Thread(
            target=tell, args=(look_of(program, arguments), supervisor(os.environ)), name="watched", daemon=True
        ).start()
    sys.argv = [program, *arguments]
    sys.exit(run())


if __name__ == "__main__":
    main()
