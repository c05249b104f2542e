"""A program says that it answers as long as it does; what hangs, or never came up, says nothing."""

from __future__ import annotations

import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import dagster as dg
import pytest

from medallion_assets_tests.services.processes import REPOSITORY, free_port
from medallion_assets_tests.services.waiting import wait_until

WATCHED = REPOSITORY / "deploy" / "watched.py"


class Over(BaseException):
    """The test has seen enough."""


def said(answers: list[bool | Exception], seconds: list[float]) -> list[bytes]:
    """What is said when a program gives these answers at these moments."""
    tell = runpy.run_path(str(WATCHED))["tell"]
    clock, given, heard = iter([0.0, *seconds]), iter(answers), list[bytes]()

    def look() -> bool:
        answer = next(given, None)
        if answer is None:
            raise Over
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(Over):
        tell(look, heard.append, sleep=lambda _: None, clock=lambda: next(clock))
    return heard


def test_it_is_ready_once_it_answers_and_says_so_while_it_does() -> None:
    assert said([False, True, True, False, True], [1.0]) == [
        b"WATCHDOG=1",
        b"READY=1\nWATCHDOG=1",
        b"WATCHDOG=1",
        b"WATCHDOG=1",
    ]


def test_a_program_that_does_not_come_up_is_given_up() -> None:
    assert said([False, False], [299.0, 301.0]) == [b"WATCHDOG=1"]


def test_an_answer_that_is_an_error_is_none() -> None:
    assert said([True, ValueError("of the library")], []) == [b"READY=1\nWATCHDOG=1"]


def test_a_late_answer_is_one_for_five_minutes_after_a_real_one() -> None:
    """A slow store occupies every thread of a program; nobody who is reached is dead."""
    patient = runpy.run_path(str(WATCHED))["patient"]
    answers: list[bool] = []
    clock = [0.0]

    def ask() -> bool:
        if not answers:
            raise TimeoutError
        return answers.pop()

    look = patient(ask, clock=lambda: clock[0])
    assert not look()  # it has never answered
    answers.append(True)
    assert look()
    clock[0] = 299.0
    assert look()
    answers.append(False)
    assert not look()  # refused: it is gone
    clock[0] = 301.0
    assert not look()


@pytest.mark.parametrize("program", ["code_server", "webserver"])
def test_who_is_reached_and_does_not_answer_is_late_and_who_is_not_is_gone(program: str) -> None:
    """A socket that takes connections and says nothing, as a server does whose threads are all busy."""
    look_at = runpy.run_path(str(WATCHED))[program]
    with socket.create_server(("127.0.0.1", 0)) as server:
        look = look_at("127.0.0.1", server.getsockname()[1], seconds=0.2)
        with pytest.raises(TimeoutError):
            look()
    assert not look()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::1", "::"])
def test_a_web_server_at_an_address_of_the_newer_protocol_is_well(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(HTTPServer, "address_family", socket.AF_INET6)
    with HTTPServer((host, 0), Answering) as server:
        Thread(target=server.serve_forever).start()
        try:
            options = ["--host", host, "--port", str(server.server_port)]
            assert runpy.run_path(str(WATCHED))["look_of"]("dagster-webserver", options)()
        finally:
            server.shutdown()


class Answering(BaseHTTPRequestHandler):
    """A web server that is well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def ears(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(str(tmp_path / "notify"))
        ears.settimeout(120)
        yield ears


@pytest.mark.slow
def test_a_code_server_says_that_it_answers_until_it_stands_still(tmp_path: Path, ears: socket.socket) -> None:
    """A real one, with one job."""
    command = [
        "dagster",
        "api",
        "grpc",
        "-m",
        "medallion_assets_tests.orchestration.runs.run_jobs",
        "--port",
        str(free_port()),
    ]
    environment = {**os.environ, "NOTIFY_SOCKET": ears.getsockname(), "DAGSTER_HOME": str(tmp_path)}
    with subprocess.Popen([sys.executable, WATCHED, *command, "--host", "127.0.0.1"], env=environment) as process:
        try:
            while b"READY=1" not in ears.recv(100):
                assert process.poll() is None
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            ears.settimeout(0)
            with pytest.raises(BlockingIOError):
                _ = [ears.recv(100) for _ in range(1000)]
        finally:
            process.kill()


def test_a_daemon_is_well_while_its_database_is_away_or_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new process would find no other database; a loop that says nothing is something else."""
    daemon, gate, healthy = runpy.run_path(str(WATCHED))["daemon"], Event(), [True]

    class Instance:
        run_launcher = None

        def get_required_daemon_types(self) -> list[str]:
            gate.wait(60)
            return ["SENSOR"]

    def statuses(*_: object, **__: object) -> dict[str, SimpleNamespace]:
        if not healthy:
            raise ConnectionError
        return {"SENSOR": SimpleNamespace(healthy=healthy[0])}

    monkeypatch.setattr(dg.DagsterInstance, "get", Instance)
    monkeypatch.setattr("dagster._daemon.controller.get_daemon_statuses", statuses)
    look = daemon(0.1)
    assert look()  # frozen
    gate.set()
    assert look()
    healthy[0] = False
    wait_until(lambda: not look(), "a loop that says nothing is noticed")
    healthy.clear()
    assert look()  # away
