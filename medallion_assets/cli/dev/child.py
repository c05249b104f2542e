"""What runs Dagster for `medallion dev`: it ends all of it, also when the one that started it was killed.

    python -m medallion_assets.cli.dev.child PID DAGSTER_HOME ARGUMENTS

Belongs here: what must outlive `medallion dev` by a moment. Does not: starting and ending it otherwise.

What is killed ends none of its children: a daemon would go on, with no one to stop it. So this process leads a group of
its own, holds the lock of the home and looks whether its parent still lives; when it does not, it ends the group,
itself included, and so frees the home. Runs are no part of the group; they are ended before. The fork server beside
Dagster is, and is started again whenever it ends.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from medallion_assets.orchestration.runs.locks import FOLDER, end_workers

POLL_SECONDS = 0.5
AGAIN_SECONDS, LONGEST_SECONDS = 5.0, 300.0
SOON_SECONDS = 60.0
END_SECONDS = 75.0
"""Dagster gives each of its services a minute to end; what is left then is killed."""
FORK_SERVER = ("-m", "medallion_assets.orchestration.runs.forks", "-m", "medallion_assets.definitions")


def main(parent: int, dagster_home: Path, arguments: list[str]) -> int:
    """Run Python with these arguments; hand SIGINT on to it, and return its exit code. No run outlives it."""
    with _started(arguments) as process, started_again(FORK_SERVER) as look:

        def end(_number: int = 0, _frame: FrameType | None = None) -> None:
            process.send_signal(signal.SIGINT)

        signal.signal(signal.SIGINT, end)
        try:
            while process.poll() is None:
                if os.getppid() != parent:
                    end()
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(END_SECONDS)
                    end_workers(dagster_home / FOLDER)
                    os.killpg(0, signal.SIGKILL)
                look(time.monotonic())
                time.sleep(POLL_SECONDS)
        finally:
            end_workers(dagster_home / FOLDER)
        return process.returncode


def _started(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *arguments])  # noqa: S603 - our own commands


@contextmanager
def started_again(arguments: Sequence[str]) -> Iterator[Callable[[float], None]]:
    """Run Python with these arguments while the block runs; it gives what starts it again when it has ended.

    What ends soon, or cannot be started, is left alone for twice as long each time.
    """
    process, wait, since, again_at = _started(arguments), AGAIN_SECONDS, -math.inf, 0.0

    def look(now: float) -> None:
        nonlocal process, wait, since, again_at
        if process.poll() is None:
            wait = AGAIN_SECONDS if now - since >= SOON_SECONDS else wait
            again_at = now + wait
        elif now >= again_at:
            wait = min(2 * wait, LONGEST_SECONDS)
            since, again_at = now, now + wait
            try:
                process = _started(arguments)
            except OSError as error:
                sys.stderr.write(f"the fork server cannot be started, so runs are not forked: {error}\n")

    try:
        yield look
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
