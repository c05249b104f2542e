"""The launcher's side: asking the fork server for the process of a run, or how it is.

Belongs here: one request, its answer, and the word by which a fork begins.
Does not: what is done without a fork, the socket.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from medallion_assets.errors import TransientError
from medallion_assets.errors.service_hints import log_of
from medallion_assets.orchestration.runs.forks.launches import refused
from medallion_assets.orchestration.runs.forks.messages import (
    FILES,
    GO,
    NAME,
    ForeignMessageError,
    ForkAnswer,
    ForkRequest,
    connect,
    hear,
    say,
)
from medallion_assets.orchestration.runs.locks import Hold
from medallion_assets.orchestration.runs.processes import ENDED_SECONDS, RunProcess, end_while, is_running, wait_while
from medallion_assets.settings import forks_runs

ANSWER_SECONDS = 5.0
"""Later than that a process was as soon started: a fork takes 30 ms, on a host that is not overloaded."""
OUTPUT, ERRORS = 1, 2
STATUS = Path("/proc/self/status")


class NoForkError(TransientError):
    """There is no fork, and there will be none: what it would have needed to begin was not sent."""


class NoForkServerError(NoForkError):
    """There never was anybody who would fork anything."""


@dataclass(frozen=True)
class ForkedWorker:
    """The process of a run that was forked. Its end of the connection is closed when it ends, however that happens."""

    pid: int
    connection: socket.socket

    def wait(self) -> None:
        """Wait until it has ended, and holds nothing any more: its files are closed one after another."""
        with self.connection, suppress(OSError):
            while self.connection.recv(1):
                pass
        wait_while(lambda: is_running(self.pid), ENDED_SECONDS)


def fork_worker(home: Path, request: ForkRequest, hold: Hold) -> ForkedWorker:
    """Have a process forked that carries out a run which is held. It holds the run as well from its first moment on.

    It begins once it was noted, and by the last word of this function alone. When that was not sent, it ends.

    Raises:
        NoForkError: nobody forked one, or not in time.
        OSError: it cannot be noted.
    """
    connection, fork = _connected(home, ANSWER_SECONDS), None
    try:
        with suppress(OSError):  # it may refuse without reading; what it said can be read all the same
            say(connection, request)
        pid = _ready(connection)
        fork = RunProcess.of(pid, is_worker=True)
        hold.note(fork)
        try:
            socket.send_fds(connection, [FILES], [hold.file, OUTPUT, ERRORS])
            _ready(connection)
            connection.sendall(GO)
        except OSError as error:
            raise NoForkError(f"the fork server's child {pid} ended before it began: {error}") from error
        connection.settimeout(None)
    except BaseException:
        connection.close()
        if fork is not None:  # one that hangs would hold the run for ever, whoever carries it out instead
            end_while(fork, lambda: fork.lives, grace_seconds=0)
            hold.forget()
        raise
    return ForkedWorker(pid, connection)


def expect_forks(environment: Mapping[str, str], *, seconds: float = ANSWER_SECONDS) -> str:
    """See that a process can be forked, where runs are to be: what was found. The process ends at once.

    Raises:
        NoForkError: none was forked, or the last runs were refused.
    """
    if not forks_runs(environment):
        return "MEDALLION_FORK_RUNS=no: runs are not forked"
    home = Path(environment.get("DAGSTER_HOME", ""))
    try:
        _expect_fork(home, seconds)
    except NoForkServerError as error:
        return f"{error.what}, and none ever did: runs are not forked"
    except NoForkError as error:
        raise NoForkError(
            f"{error.what}; runs are not forked meanwhile",
            do=f"it restarts by itself; if it persists, {log_of('fork-server')}",
        ) from error
    return "runs are forked"


def _expect_fork(home: Path, seconds: float) -> None:
    with _connected(home, seconds) as connection:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        _ready(connection)
    if launches := refused(home):
        raise NoForkError(str(launches))


def request_for(module: str | None, executable: str, environment: Mapping[str, str], spill: Path) -> ForkRequest:
    """The request of this process, for a run that it launches."""
    place = {"folder": str(Path.cwd()), "spill": str(spill)}
    return ForkRequest(module=module, executable=executable, umask=_umask(), environment=environment, **place)


def _connected(home: Path, seconds: float) -> socket.socket:
    try:
        return connect(home, seconds)
    except FileNotFoundError as error:
        raise NoForkServerError(f"no fork server listens at {home / NAME}") from error
    except ConnectionRefusedError as error:
        raise NoForkError(f"no fork server listens at {home / NAME} any more") from error
    except OSError as error:
        raise NoForkError(f"the fork server cannot be asked: {error}") from error


def _ready(connection: socket.socket) -> int:
    """The process id of a fork that is ready."""
    try:
        answer = hear(connection, ForkAnswer)
    except TimeoutError as error:
        raise NoForkError(f"the fork server did not answer within {connection.gettimeout():g} s") from error
    except ForeignMessageError as error:
        raise NoForkError(f"the fork server's answer is another release's, {error}") from error
    except OSError as error:
        raise NoForkError(f"the fork server, or its child, ended meanwhile: {error}") from error
    if answer is None:
        raise NoForkError("the fork server, or its child, ended meanwhile")
    if answer.refusal:
        raise NoForkError(answer.refusal)
    return answer.pid


def _umask() -> int | None:
    """What nobody can read of itself without a moment in which it is another; None where the kernel does not tell."""
    with suppress(OSError, ValueError):
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("Umask:"))
        return int(line.split()[1], 8)
    return None
