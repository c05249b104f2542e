"""A fork, from its first moment until it carries out a run as any other process would.

Belongs here: what it compares before it says that it is ready, and taking over what its launcher handed it.
Does not: forking, the launcher's side.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from medallion_assets.orchestration.runs.forks.imported import COMMAND, Imported
from medallion_assets.orchestration.runs.forks.messages import (
    FILES,
    GO,
    ForeignMessageError,
    ForkAnswer,
    ForkRequest,
    hear,
    say,
)
from medallion_assets.orchestration.runs.spill import SPILL_FOLDER, remove
from medallion_assets.settings.environment import FOR_THIS_PROCESS, set_environment

PATIENCE_SECONDS = 20.0
"""How long a launcher may take for its next word. One that is killed closes the connection at once."""
OF_A_PROCESS = frozenset(
    {
        *(*FOR_THIS_PROCESS, "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID"),
        *("MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE", "PWD", "OLDPWD", "SHLVL", "_"),
        *("DAGSTER_IS_DEV_CLI", "DAGSTER_verbose", "DAGSTER_EXECUTE_RUN_ARGS"),
        "_RJEM_MALLOC_CONF",  # Polars adds to it in each process that imports it, and so in each generation
    }
)
"""Variables that say something of one process, and are not read when the definitions are imported."""


@dataclass(frozen=True)
class Handed:
    """What a fork was handed: its request, and the files of the run's lock, of its output and of its errors.

    `connection` stays open as long as this process lives: by its end the launcher notices that of the run.
    """

    connection: socket.socket
    request: ForkRequest
    lock: int
    output: int
    errors: int


def await_run(connection: socket.socket, imported: Imported) -> Handed:
    """Wait for a run. Where there is none for this process, it ends here."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()  # no signal for the process that it was forked from, or for its launcher, reaches it any more
    connection.settimeout(PATIENCE_SECONDS)
    try:
        request = hear(connection, ForkRequest)
        if request is None:  # somebody wants to see that it can be forked
            say(connection, ForkAnswer(pid=os.getpid()))
            leave()
        refusal = refusal_of(request, imported)
        say(connection, ForkAnswer(pid=os.getpid(), refusal=refusal or ""))
        if refusal is not None:
            leave()
        word, files, _, _ = socket.recv_fds(connection, len(FILES), 3)
        if word != FILES or len(files) != 3:
            leave()
        say(connection, ForkAnswer(pid=os.getpid()))
        if connection.recv(len(GO), socket.MSG_WAITALL) != GO:
            leave()
    except ForeignMessageError as error:
        refuse(connection, f"the run is launched by another release: {error}")
        leave()
    except OSError:
        leave()
    connection.settimeout(None)
    return Handed(connection, request, *files)


def refuse(connection: socket.socket, why: str) -> None:
    """Say why nothing is forked. Who has gone away does not hear it."""
    with suppress(OSError):
        say(connection, ForkAnswer(pid=os.getpid(), refusal=why))


def leave() -> NoReturn:
    """End without a trace: nothing that was registered before the fork is this process's to clean up."""
    os._exit(0)


def refusal_of(request: ForkRequest, imported: Imported) -> str | None:
    """Why what was imported is not what a new process would have; None when it is.

    Of variables that differ the names alone are told: their values may be secrets.
    """
    here, there, module = imported.environment, request.environment, imported.module
    names = sorted(
        name
        for name in {*here, *there} - OF_A_PROCESS
        if there.get(name) not in (here.get(name), imported.variables.get(name, here.get(name)))
    )
    if names:
        return f"the run's environment differs from the fork server's in {', '.join(names)}"
    if request.module != module:
        return f"the run's code is {request.module or 'no module'}, the fork server has imported {module}"
    if not is_same_python(request.executable, sys.executable):
        return f"the run's Python is {request.executable}, the fork server's {sys.executable}"
    if request.folder != str(Path.cwd()):
        return f"the run is to work in {request.folder}, the fork server does in {Path.cwd()}"
    return None


def is_same_python(one: str, other: str) -> bool:
    """Whether two names (`python`, `python3`) are those of one interpreter in one environment."""
    return Path(one).parent == Path(other).parent and Path(one).resolve() == Path(other).resolve()


def carry_out(handed: Handed, imported: Imported) -> NoReturn:
    """Become what `dagster api execute_run` is, with the environment and the files of the launcher."""
    spill = Path(handed.request.spill)
    set_environment({**handed.request.environment, **imported.variables, SPILL_FOLDER: str(spill)})
    if handed.request.umask is not None:
        os.umask(handed.request.umask)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    for file, number in ((nothing, 0), (handed.output, 1), (handed.errors, 2)):
        os.dup2(file, number)
        os.close(file)
    os.set_inheritable(handed.lock, True)
    with suppress(OSError):  # what `top` and `ps -e` show of it; Linux alone lets a process say that
        Path("/proc/self/comm").write_text("medallion-run")
    sys.argv = list(COMMAND)
    try:
        imported.command()
    finally:
        remove(spill)
    sys.exit()
