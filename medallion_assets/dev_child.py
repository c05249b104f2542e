"""Python with some arguments, as a process that is told to end (SIGINT) when the one that started it has ended.

    python -m medallion_assets.dev_child PID ARGUMENTS

Belongs here: what must happen in the child itself. Does not: starting and ending it (dev.py).

What is killed ends none of its children. Linux tells a child of it; elsewhere the child goes on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, arguments: list[str]) -> None:
    """Become that Python."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # it ended before it could be watched
            return
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - our own command


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
