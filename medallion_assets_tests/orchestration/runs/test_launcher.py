"""A run is one process, known from its first moment: it is judged by whether it lives, and ended as a whole."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.storage.dagster_run import RunOpConcurrency
from dagster._daemon.monitoring.run_monitoring import check_run_timeout

from medallion_assets.orchestration.runs import launcher as run_launcher
from medallion_assets.orchestration.runs.locks import Hold, RunLockError, is_held, known_runs, noted, take
from medallion_assets.orchestration.runs.whereabouts import folder_of
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.orchestration.runs.launching import Launching, health, launching
from medallion_assets_tests.orchestration.runs.test_processes import gone
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.services.postgres import PostgresServer
from medallion_assets_tests.services.waiting import wait_until

Status = dg.DagsterRunStatus


@pytest.mark.slow
def test_a_run_needs_no_code_server_and_leaves_nothing_behind(runs: Launching) -> None:
    run_id = runs.at_work()
    assert health(runs, run_id) == (WorkerStatus.RUNNING, None)
    assert f"Process {runs.process(run_id).pid} on" in runs.said(run_id)
    (runs.folder / "go").touch()
    runs.wait_for(run_id, Status.SUCCESS)
    assert runs.executed == [run_id]
    wait_until(lambda: known_runs(folder_of(runs.instance)) == [], "its lock is removed")


@pytest.mark.slow
def test_a_run_whose_process_was_killed_is_lost_at_once_and_may_be_started_anew(runs: Launching) -> None:
    run_id = runs.at_work()
    process, child = runs.process(run_id), int((runs.folder / "child").read_text())
    process.kill()
    runs.wait_for(run_id, Status.FAILURE)
    assert f"process {process.pid} of this run is gone from" in runs.said(run_id)
    assert runs.run(run_id).tags["dagster/max_retries"] == "1"
    assert gone(child)


@pytest.mark.slow
def test_a_run_is_launched_once_however_often_it_is_asked_for(runs: Launching) -> None:
    """As two daemons would, or one that was not told that its first launch had succeeded."""
    run_id = runs.launch()
    first = runs.process(run_id)
    context = LaunchRunContext(dagster_run=runs.run(run_id), workspace=None)
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(runs.launcher.launch_run, [context] * 3))
    assert runs.said(run_id).count("Not started again: a process carries out this run already.") == 3
    assert runs.process(run_id) == first
    (runs.folder / "go").touch()
    runs.wait_for(run_id, Status.SUCCESS)
    assert runs.executed == [run_id]


def test_a_launch_that_was_given_up_starts_nothing(runs: Launching) -> None:
    """A daemon that stood still during a launch, whose run another one has started anew."""
    run_id = runs.make()
    before = runs.run(run_id)
    runs.instance.report_run_failed(before)
    runs.launcher.launch_run(LaunchRunContext(dagster_run=before, workspace=None))
    assert not is_held(folder_of(runs.instance), run_id)
    assert runs.run(run_id).status is Status.FAILURE


def test_a_launch_that_waits_for_the_database_is_held_already(runs: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    """For however long: it is no launch that was cut short."""
    held = []
    folder = folder_of(runs.instance)
    monkeypatch.setattr(runs.launcher, "_make_pools", lambda run: held.append(is_held(folder, run.run_id)))
    runs.launch()
    assert held == [True]


@pytest.mark.slow
def test_a_process_that_nobody_noted_is_ended_by_what_it_told(runs: Launching) -> None:
    """Its launcher was killed in between."""
    run_id = runs.at_work()
    process = runs.process(run_id)
    os.truncate(folder_of(runs.instance) / run_id, 0)
    assert runs.launcher.terminate(run_id)
    assert gone(process.pid)


def test_a_worker_that_nobody_noted_notes_itself_with_its_first_resource(runs: Launching) -> None:
    run_id = runs.make()
    hold = take(folder_of(runs.instance), run_id)
    assert hold is not None
    assert runs.launcher.adopt(runs.run(run_id)) is None
    process = noted(folder_of(runs.instance), run_id)
    assert process is not None
    assert process.pid == os.getpid()
    hold.end()


def test_a_folder_of_another_account_fails_the_run_and_says_what_to_do(
    runs: Launching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not look like a run that is at work already, and is not started anew."""

    def refused(*_: object, **__: object) -> None:
        raise RunLockError("run_processes: nobody may not hold runs there", do="chown")

    monkeypatch.setattr(run_launcher, "take", refused)
    run_id = runs.make()
    with pytest.raises(RunLockError, match="may not hold runs"):
        runs.instance.launch_run(run_id, workspace=None)  # type: ignore[arg-type]
    assert runs.run(run_id).status is Status.FAILURE
    assert "dagster/max_retries" not in runs.run(run_id).tags


def test_a_process_that_cannot_be_started_holds_nothing(runs: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", no_memory)
    run_id = runs.make()
    with pytest.raises(OSError, match="Cannot allocate"):
        runs.instance.launch_run(run_id, workspace=None)  # type: ignore[arg-type]
    assert runs.run(run_id).status is Status.FAILURE
    assert runs.run(run_id).tags["dagster/max_retries"] == "1"
    assert known_runs(folder_of(runs.instance)) == []


@pytest.mark.slow
def test_what_cannot_be_told_of_a_process_fails_no_run(runs: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage is away for the moment after the start: the process is at work all the same."""

    def away(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(run_launcher, "report_process", away)
    run_id = runs.launch()
    (runs.folder / "go").touch()
    runs.wait_for(run_id, Status.SUCCESS)
    assert runs.executed == [run_id]


@pytest.mark.slow
def test_a_terminated_run_ends_with_its_children(runs: Launching) -> None:
    run_id = runs.at_work()
    process, child = runs.process(run_id), int((runs.folder / "child").read_text())
    assert runs.launcher.terminate(run_id)
    assert gone(process.pid)
    assert gone(child)
    runs.wait_for(run_id, Status.CANCELED)
    wait_until(lambda: not is_held(folder_of(runs.instance), run_id), "who says so holds it for a moment")


@pytest.mark.slow
def test_a_process_that_stands_still_is_killed(runs: Launching) -> None:
    """It is canceled once it is gone, and not before."""
    runs.launcher.grace_seconds = 0.1
    run_id = runs.at_work()
    process = runs.process(run_id)
    process.suspend()
    assert health(runs, run_id) == (WorkerStatus.RUNNING, None)
    assert runs.launcher.terminate(run_id)
    assert gone(process.pid)
    runs.wait_for(run_id, Status.CANCELED)


@pytest.mark.slow
def test_a_run_over_its_time_limit_ends_with_its_process(runs: Launching) -> None:
    """As run monitoring ends it: it calls the run failed whatever the launcher says."""
    runs.launcher.grace_seconds = 0.1
    run_id = runs.at_work()
    process = runs.process(run_id)
    process.suspend()
    record = runs.instance.get_run_record_by_id(run_id)
    assert record is not None
    check_run_timeout(runs.instance, record, logging.getLogger("test"), 0.001)
    assert gone(process.pid)
    runs.wait_for(run_id, Status.FAILURE)
    assert "Exceeded maximum runtime" in runs.said(run_id)


@pytest.mark.parametrize("fails", ["take", "note"])
def test_a_full_disk_starts_no_process(runs: Launching, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    if fails == "take":
        monkeypatch.setattr(run_launcher, "take", full)
    else:
        monkeypatch.setattr(Hold, "note", full)
    run_id = runs.make()
    with pytest.raises(OSError, match="No space left"):
        runs.instance.launch_run(run_id, workspace=None)  # type: ignore[arg-type]
    assert runs.run(run_id).status is Status.FAILURE
    assert [process for process in psutil.Process().children() if "execute_run" in process.cmdline()] == []


@pytest.mark.slow
def test_a_process_that_was_not_ended_is_not_called_canceled(runs: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_launcher, "end", lambda *_, **__: False)
    run_id = runs.at_work()
    assert not runs.launcher.terminate(run_id)
    assert runs.run(run_id).status is Status.CANCELING
    assert f"Process {runs.process(run_id).pid} of this run does not end" in runs.said(run_id)


def test_a_late_start_is_ended_before_it_is_given_up(runs: Launching) -> None:
    """What run monitoring asks right before it reports that a run took too long to start."""
    run_id = runs.launch()
    process = runs.process(run_id)
    process.suspend()
    said = runs.launcher.get_run_worker_debug_info(runs.run(run_id))
    assert said is not None
    assert said.startswith(f"Process {process.pid} lived, and was ended.")
    assert gone(process.pid)


# --- processes that nobody launched


def test_a_run_of_the_command_line_tells_its_process_and_host(runs: Launching) -> None:
    """It is held by the process that carries it out, which may be that of a test."""
    seen: list[tuple[str, WorkerStatus]] = []

    @dg.asset(required_resource_keys={"lakehouse"})
    def one(context) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - Dagster reads the annotation
        run_id = context.run.run_id
        seen.append((run_id, health(runs, run_id)[0]))
        assert is_held(folder_of(runs.instance), run_id)

    lakehouse = resource_of(lakehouse_at(Path("/nowhere")))
    result = dg.materialize([one], instance=runs.instance, resources={"lakehouse": lakehouse})
    assert seen == [(result.run_id, WorkerStatus.RUNNING)]
    assert f"Process {os.getpid()} on" in runs.said(result.run_id)
    assert known_runs(folder_of(runs.instance)) == []


def test_a_killed_run_of_the_command_line_is_found(runs: Launching) -> None:
    """And what it left is not mistaken for a run of another host."""
    run_id = runs.make()
    folder = folder_of(runs.instance)
    code = (
        "import sys; from pathlib import Path; from medallion_assets.orchestration.runs.locks import take\n"
        "from medallion_assets.orchestration.runs.processes import RunProcess\n"
        "hold = take(Path(sys.argv[1]), sys.argv[2]); hold.note(RunProcess.of_this()); print('up', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, folder, run_id], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert health(runs, run_id) == (WorkerStatus.RUNNING, None)
        process.kill()
    status, message = health(runs, run_id)
    assert status is WorkerStatus.FAILED
    assert message is not None
    assert message.startswith(f"process {process.pid} of this run is gone from")


def test_two_runs_launched_at_once_make_their_pools_once(postgres: PostgresServer, tmp_path: Path) -> None:
    """Dagster's steps make them otherwise, and PostgreSQL fails one of two that do so at the same moment."""
    settings = {
        "storage": {"postgres": {"postgres_url": postgres.make_database()}},
        "concurrency": {"pools": {"default_limit": 1}},
    }
    pools = {f"silver/{number}" for number in range(5)}
    with launching(tmp_path, settings) as runs:
        wanted = RunOpConcurrency(root_key_counts={}, has_unconstrained_root_nodes=False, all_pools=pools)
        made = [runs.run(runs.make())._replace(run_op_concurrency=wanted) for _ in range(4)]
        with ThreadPoolExecutor(len(made)) as threads:
            list(threads.map(runs.launcher._make_pools, made))
        limits = runs.instance.event_log_storage.get_pool_limits()
        assert {pool.name: pool.limit for pool in limits} == dict.fromkeys(pools, 1)


def test_nobody_watches_once_the_instance_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at by then is looked at to its end, and nothing is written after that."""
    done: list[str] = []

    def look_until_it_is_closed(*_: object) -> None:
        wait_until(lambda: runs.launcher._stop is None, "it is closed")
        done.append("looked")

    monkeypatch.setattr(run_launcher, "watch", look_until_it_is_closed)
    with launching(tmp_path) as runs:
        runs.launcher.watch()
        runs.launcher.watch()
        assert [thread.name for thread in threading.enumerate()].count("run-watch") == 1
    done.append("closed")
    assert done == ["looked", "closed"]
