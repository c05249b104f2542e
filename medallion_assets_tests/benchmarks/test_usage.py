"""CPU seconds of a tree of processes, of those that ended unseen by their parent too."""

from __future__ import annotations

import subprocess
import sys

import psutil

from benchmarks.usage import Usage

PARENT = """
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    begun = sum(os.times()[:2])
    while sum(os.times()[:2]) - begun < 0.3:
        pass
    print(flush=True)
    os.read(0, 1)
    os._exit(0)
os.read(0, 1)
try:
    os.wait()
except ChildProcessError:
    pass
print(flush=True)
os.read(0, 1)
"""


def test_a_child_that_nobody_waited_for_counts() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        usage = Usage(parent.pid, lambda process: "top" if process.pid == parent.pid else "below")
        parent.stdout.readline()
        assert usage.seconds()["below"] >= 0.25
        for _ in "ab":
            parent.stdin.write("-")
        parent.stdin.flush()
        parent.stdout.readline()
        assert psutil.Process(parent.pid).children() == []
        assert usage.seconds()["below"] >= 0.25
        parent.stdin.write("-")
