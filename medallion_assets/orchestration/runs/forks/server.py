"""The fork server: a process that imports everything a run needs, works on nothing, and forks one child a run.

Belongs here: listening, forking, saying that it is well, and when it ends so that it is started again.
Does not: what is imported, what a child does, who asks.

It reads no table and opens no connection: what it did before a fork its children could not do. It is the parent of runs
in name only. They lead sessions of their own, and live on when it is killed.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from medallion_assets.orchestration.runs.forks.child import await_run, carry_out, refuse
from medallion_assets.orchestration.runs.forks.imported import THREADS, Imported
from medallion_assets.orchestration.runs.forks.messages import listen

LOOK_SECONDS = 5.0
AGAIN_SECONDS = 60.0
"""How long what cannot be imported is left alone, unless one of its files changes."""


def main(home: Path, module: str, well: Callable[[bytes], object]) -> NoReturn:
    """Serve below $DAGSTER_HOME until the code on disk is another; whoever supervises it starts it again.

    `well` lets it know that this process is well.
    """
    imported = Imported(module)
    if imported.failure:
        tell(f"{imported.problem()}; runs are not forked")
    try:
        listener = listen(home)
    except OSError as error:
        tell(f"it cannot listen below {home}: {error}; runs are not forked until it is restarted")
        rest(well)
    with listener:
        connection = serve(listener, imported, well)
    carry_out(await_run(connection, imported), imported)


def is_possible(threads: Path = THREADS) -> bool:
    """Whether this system tells the threads of a process, as Linux alone does: nothing is forked without."""
    return threads.is_dir()


def rest(well: Callable[[bytes], object]) -> NoReturn:
    """Do nothing, where nothing is to be forked, but say that this is well: who supervises it leaves it alone."""
    well(b"READY=1")
    while True:
        well(b"WATCHDOG=1")
        time.sleep(LOOK_SECONDS)


def serve(
    listener: socket.socket, imported: Imported, well: Callable[[bytes], object], look: float = LOOK_SECONDS
) -> socket.socket:
    """Fork a child for each connection. Returns in a child alone, with its connection."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel clears away children that have ended
    listener.settimeout(look)
    began_at = time.monotonic()
    well(b"READY=1\nWATCHDOG=1")
    while True:
        connection = None
        with suppress(TimeoutError):
            connection, _ = listener.accept()
        end = reason_to_end(imported, time.monotonic() - began_at)
        if connection is not None:
            problem = imported.problem() or end
            try:
                if problem is None and fork() == 0:
                    return connection
            except OSError as error:
                problem = f"it cannot be forked: {error}"
            if problem is not None:
                refuse(connection, problem)
            connection.close()
        if end is not None:
            tell(f"{end}; starting again")
            sys.exit()
        well(b"WATCHDOG=1")


def reason_to_end(imported: Imported, seconds: float) -> str | None:
    """Why another process is to take the place of this one, which is so old; None while it is well."""
    if changed := imported.changed():
        return f"{changed} has changed since it was imported"
    return f"{imported.module} may be imported by now" if imported.failure and seconds > AGAIN_SECONDS else None


def fork() -> int:
    """`os.fork`, without the warning of Python 3.12 and later about threads: they were counted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def tell(what: str) -> None:
    """Write into the log of the deployment."""
    sys.stderr.write(f"fork server: {what}\n")
