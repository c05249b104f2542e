"""A process is known by more than its id, and ended with its children."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from medallion_assets.orchestration.runs.processes import SAME_MOMENT_SECONDS, RunProcess, end_process, end_what_is_left


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a session of its own."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        yield process
        process.kill()


def test_nothing_is_ended_by_an_id_that_was_given_away(other: subprocess.Popen[bytes]) -> None:
    """The process has the id of a worker that is gone, and is another one."""
    of_before = RunProcess(pid=other.pid, host=RunProcess.of_this().host, noted_at=1.0, is_worker=True)
    end_what_is_left(of_before)
    assert end_process(of_before, grace_seconds=0)
    assert other.poll() is None


def test_a_process_is_the_same_whatever_the_clock_does_and_another_since_the_host_began_anew() -> None:
    process = RunProcess.of_this()
    boot, _, tick = process.birth.partition("/")
    assert replace(process, noted_at=process.noted_at - 7200).lives
    assert not replace(process, birth=f"another boot/{tick}").lives
    assert not replace(process, birth=f"{boot}/{int(tick) + 1}").lives


def test_what_is_left_is_not_looked_for_after_the_host_began_anew() -> None:
    """A session of that id is somebody else's by then, even if its leader has ended."""
    command = ["sh", "-c", "sleep 600 >/dev/null & echo $!"]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True) as leader:
        assert leader.stdout is not None
        left = psutil.Process(int(leader.stdout.readline()))
    process = RunProcess(pid=leader.pid, host=RunProcess.of_this().host, noted_at=1.0, is_worker=True)
    end_what_is_left(replace(process, birth="another boot/1"))
    assert left.status() != psutil.STATUS_ZOMBIE
    end_what_is_left(process)
    assert gone(left.pid)


@pytest.mark.parametrize(("seconds_later", "is_same"), [(0.0, True), (-SAME_MOMENT_SECONDS - 1, False)])
def test_a_younger_process_of_the_same_id_is_another_one(seconds_later: float, *, is_same: bool) -> None:
    """Where the kernel does not say more of it, and for what an earlier release has noted."""
    began_at = psutil.Process().create_time()
    assert replace(RunProcess.of_this(), noted_at=began_at + seconds_later, birth="").lives is is_same


def test_when_a_process_began_is_known_to_less_than_its_start_takes() -> None:
    """A file that was written right before it is older, and one that it could not have read yet is not."""
    tell = "from medallion_assets.orchestration.runs.processes import began_at; print(began_at())"
    before = time.time()
    told = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, check=True).stdout
    assert before < float(told) < time.time()


def gone(pid: int) -> bool:
    """Whether a process ends within a bound for a busy machine."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE or process.wait(timeout=30) is None
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
