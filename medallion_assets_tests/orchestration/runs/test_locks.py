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

from medallion_assets.orchestration.runs.locks import (
    RunLockError,
    end,
    end_workers,
    is_held,
    is_known,
    known_runs,
    noted,
    take,
)
from medallion_assets.orchestration.runs.processes import RunProcess, end_what_is_left
from medallion_assets_tests.orchestration.runs.test_processes import gone

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


def test_workers_are_ended_and_who_adopted_a_run_is_not(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    worker(tmp_path, started)
    adopted = take(tmp_path, "of this process")
    assert adopted is not None
    adopted.note(RunProcess.of_this())
    assert end_workers(tmp_path) == [RUN]
    assert is_held(tmp_path, "of this process")
    adopted.end()


def test_who_only_looks_at_this_moment_is_not_ended_in_place_of_who_held_it(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    """After a restart of the host the id that is noted may be anybody's, and a watcher takes the lock for a moment."""
    other = subprocess.Popen(["sleep", "600"], start_new_session=True, text=True)
    started.append(other)
    stale = replace(RunProcess.of(other.pid, is_worker=True), birth="another boot/1")
    hold = take(tmp_path, RUN)
    assert hold is not None
    hold.note(stale)
    assert not end(tmp_path, RUN, grace_seconds=0.1)
    hold.let_go()
    assert end(tmp_path, RUN, grace_seconds=0.1)
    assert other.poll() is None


def test_a_worker_whose_starter_was_killed_notes_itself(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    """And is known until then by what Dagster's events say of it."""
    hold = take(tmp_path, RUN)
    assert hold is not None
    code = (
        "import sys; from pathlib import Path; from medallion_assets.orchestration.runs.locks import note_this\n"
        f"input(); note_this(Path({str(tmp_path)!r}), {RUN!r}); {SAY_AND_WAIT}"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=(hold.file,),
        start_new_session=True,
    )
    started.append(process)
    hold.let_go()
    assert not end(tmp_path, RUN, grace_seconds=0)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "up\n"
    assert end_workers(tmp_path) == [RUN]


def test_where_nothing_is_noted_who_told_of_itself_is_ended(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    pid, _ = worker(tmp_path, started)
    os.truncate(tmp_path / RUN, 0)
    assert not end(tmp_path, RUN, grace_seconds=0)
    assert end(tmp_path, RUN, grace_seconds=0, reported=RunProcess.of(pid))


# --- another account


@pytest.fixture
def as_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of root's, looked at by an account that may not write it."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as two accounts")
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # a relative path asks nothing of the folders above
    folder = Path("locks")
    hold = take(folder, RUN)
    assert hold is not None
    yield folder
    os.seteuid(0)
    hold.let_go()


def test_a_folder_that_cannot_be_written_is_said_and_not_taken_for_a_run_that_is_held(as_nobody: Path) -> None:
    os.seteuid(65534)
    with pytest.raises(
        RunLockError, match=r"nobody may not hold runs there, it belongs to root; .*chown -R nobody: locks"
    ):
        take(as_nobody, "another-run")


@pytest.mark.parametrize("is_ours", [True, False])
def test_what_another_account_holds_is_held_and_what_it_left_is_not(as_nobody: Path, *, is_ours: bool) -> None:
    """Root has run an asset's command once, with whatever umask."""
    as_nobody.chmod(0o777 if is_ours else 0o755)
    os.seteuid(65534)
    assert is_held(as_nobody, RUN)
    if is_ours:
        assert take(as_nobody, RUN) is None
    os.seteuid(0)
    left = os.open(as_nobody / "left", os.O_CREAT, 0o644)
    os.close(left)
    os.seteuid(65534)
    if is_ours:
        hold = take(as_nobody, "left")
        assert hold is not None
        hold.end()
    else:
        with pytest.raises(RunLockError):
            take(as_nobody, "left")


def test_a_file_that_cannot_be_read_is_not_held_for_ever(as_nobody: Path) -> None:
    (as_nobody / "left").touch(0o600)
    os.seteuid(65534)
    with pytest.raises(RunLockError, match=r"chown -R nobody: locks/left"):
        is_held(as_nobody, "left")


def test_others_see_what_is_held_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        hold = take(tmp_path, RUN)
    finally:
        os.umask(before)
    assert hold is not None
    assert (tmp_path / RUN).stat().st_mode & 0o777 == 0o644
    hold.end()
