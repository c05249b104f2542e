"""A run is held by one process; it is free the moment that process ends, and what it started ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from medallion_assets.run_processes import (
    SAME_MOMENT_SECONDS,
    RunProcess,
    end,
    end_process,
    end_what_is_left,
    end_workers,
    is_held,
    is_known,
    known_runs,
    noted,
    take,
)

RUN = "a-run"
SAY_AND_WAIT = "print('up', flush=True); input()"
CHILD = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True); input()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); input()"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that do not outlive the test."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def worker(folder: Path, started: list[subprocess.Popen[str]], code: str = SAY_AND_WAIT) -> tuple[int, str]:
    """A process that holds the run as a worker does; its id, and the first line that it printed."""
    hold = take(folder, RUN)
    assert hold is not None
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=(hold.file,),
        start_new_session=True,
    )
    started.append(process)
    hold.note(RunProcess.of(process.pid, is_worker=True))
    hold.let_go()
    assert process.stdout is not None
    return process.pid, process.stdout.readline().strip()


def test_a_run_is_held_until_its_process_ends(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    pid, _ = worker(tmp_path, started)
    assert is_held(tmp_path, RUN)
    assert take(tmp_path, RUN) is None
    os.kill(pid, signal.SIGSTOP)
    assert is_held(tmp_path, RUN)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert (is_held(tmp_path, RUN), is_known(tmp_path, RUN)) == (False, True)


def test_who_started_it_may_be_gone(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    """A daemon that is killed between starting a process and noting it: the run is held all the same."""
    hold = take(tmp_path, RUN)
    assert hold is not None
    code = f"import os; os.fork() and os._exit(0); print(os.getpid(), flush=True); {SAY_AND_WAIT}"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=(hold.file,)
    )
    started.append(process)
    hold.let_go()
    assert process.stdout is not None
    orphan = int(process.stdout.readline())
    process.wait()
    assert is_held(tmp_path, RUN)
    assert noted(tmp_path, RUN) is None
    psutil.Process(orphan).kill()


def test_a_settled_run_is_forgotten(tmp_path: Path) -> None:
    hold = take(tmp_path, RUN)
    assert hold is not None
    hold.end()
    assert (is_held(tmp_path, RUN), known_runs(tmp_path)) == (False, [])
    again = take(tmp_path, RUN)
    assert again is not None
    again.end()


def test_a_process_is_asked_to_end_and_its_children_with_it(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    pid, child = worker(tmp_path, started, CHILD)
    assert end(tmp_path, RUN, grace_seconds=60)
    assert started[0].wait() == -signal.SIGTERM
    assert gone(pid)
    assert gone(int(child))


def test_what_does_not_end_is_killed(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    worker(tmp_path, started, DEAF)
    assert end(tmp_path, RUN, grace_seconds=0.1)
    assert started[0].wait() == -signal.SIGKILL


@pytest.mark.parametrize("clock", [-7200.0, 7200.0])
def test_a_clock_that_jumps_ends_nothing_and_protects_nothing(
    clock: float, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    """Who holds a run is known by its lock alone."""
    worker(tmp_path, started)
    process = noted(tmp_path, RUN)
    assert process is not None
    hold_file = os.open(tmp_path / RUN, os.O_RDWR)
    shifted = replace(process, noted_at=process.noted_at + clock)
    os.truncate(hold_file, 0)
    os.close(hold_file)
    (tmp_path / RUN).write_text(str(vars(shifted)).replace("'", '"').replace("True", "true"))
    assert is_held(tmp_path, RUN)
    assert end(tmp_path, RUN, grace_seconds=60)


def test_children_of_a_worker_that_was_killed_are_ended(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    pid, child = worker(tmp_path, started, CHILD)
    os.kill(pid, signal.SIGKILL)
    started[0].wait()
    assert psutil.Process(int(child)).is_running()
    end_what_is_left(noted(tmp_path, RUN))
    assert gone(int(child))


def test_nothing_is_ended_by_an_id_that_was_given_away(started: list[subprocess.Popen[str]]) -> None:
    """A process that leads a session, has the id of a worker that is gone, and is another one."""
    other = subprocess.Popen(["sleep", "600"], start_new_session=True, text=True)
    started.append(other)
    of_before = RunProcess(pid=other.pid, host=RunProcess.of_this().host, noted_at=1.0, is_worker=True)
    end_what_is_left(of_before)
    assert end_process(of_before, grace_seconds=0)
    assert other.poll() is None


@pytest.mark.parametrize(("seconds_later", "is_same"), [(0.0, True), (-SAME_MOMENT_SECONDS - 1, False)])
def test_a_younger_process_of_the_same_id_is_another_one(seconds_later: float, *, is_same: bool) -> None:
    began_at = psutil.Process().create_time()
    assert replace(RunProcess.of_this(), noted_at=began_at + seconds_later).lives is is_same


def test_workers_are_ended_and_who_adopted_a_run_is_not(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    worker(tmp_path, started)
    adopted = take(tmp_path, "of this process")
    assert adopted is not None
    adopted.note(RunProcess.of_this())
    assert end_workers(tmp_path) == [RUN]
    assert is_held(tmp_path, "of this process")
    adopted.end()


def gone(pid: int) -> bool:
    """Whether a process ends within a bound for a busy machine."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE or process.wait(timeout=30) is None
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
