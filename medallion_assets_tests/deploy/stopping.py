"""Starting a program as others may start it, telling it to stop, and seeing that nothing of it is left.

Belongs here: what the tests of `deploy/run` and of its supervisor share. Does not: what they expect.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from medallion_assets_tests.services.waiting import SECONDS

STOPS = int(os.environ.get("MEDALLION_STOPS") or 0)


def _ignore() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _block() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])


INHERITED: dict[str, Callable[[], None] | None] = {"nothing": None, "ignored": _ignore, "blocked": _block}
"""What a program may find done to SIGTERM and SIGINT: ignored, say, by a Dagster that a script has put in the
background (it treats SIGTERM as SIGINT, and shells have such programs ignore that)."""


@contextmanager
def started(
    command: Sequence[str | Path], home: Path, *, inherited: str = "nothing", **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The program with its output in `home/log`; whatever happens, no process of it outlives the block."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], "MEDALLION_HOME": str(home), **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=INHERITED[inherited],  # noqa: PLW1509 - it sets signals alone
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        while left := processes_of(home):
            for survivor in left:
                with suppress(psutil.NoSuchProcess):
                    survivor.kill()
            psutil.wait_procs(left, timeout=SECONDS)


def processes_of(home: Path) -> list[psutil.Process]:
    """The processes that were started with this MEDALLION_HOME, whoever is their parent by now."""
    mark = str(home)
    return [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("MEDALLION_HOME") == mark
    ]


def said(home: Path) -> str:
    """What the program has said up to now, without its line ends."""
    return " ".join((home / "log").read_text(errors="replace").split())


def stop(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
    """Tell it to stop: its exit code, and the seconds that it took."""
    told_at = time.monotonic()
    process.send_signal(number)
    return process.wait(SECONDS), time.monotonic() - told_at


def figures(seconds: Sequence[float]) -> str:
    """How long ending took."""
    return f"{len(seconds)} stops: median {statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s"
