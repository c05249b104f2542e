"""A run that is forked is one that was started, in all that anybody can see of it; and there is one process of it."""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from dagster._core.launcher import WorkerStatus

from medallion_assets.orchestration.runs.ends import kind_of_end
from medallion_assets.orchestration.runs.forks import asking
from medallion_assets.orchestration.runs.forks.asking import expect_forks
from medallion_assets.orchestration.runs.locks import Hold, is_held, known_runs
from medallion_assets.orchestration.runs.whereabouts import folder_of
from medallion_assets_tests.orchestration.runs.forks.serving import is_fork_of
from medallion_assets_tests.orchestration.runs.launching import Launching, health
from medallion_assets_tests.orchestration.runs.test_processes import gone
from medallion_assets_tests.services.waiting import wait_until

Status = dg.DagsterRunStatus
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("same_environment")]
OWN_MB = 90
"""A forked run has some 50 for itself, one that was started 120: what was imported is its parent's."""


def facts(runs: Launching) -> dict[str, Any]:
    """What the process of a run tells of itself."""
    run_id = runs.launch_telling()
    runs.wait_for(run_id, Status.SUCCESS)
    found = json.loads((runs.folder / "process").read_text())
    found["environment"].pop("DAGSTER_EXECUTE_RUN_ARGS")
    found["output"] = [Path(file).suffix or file for file in found["output"]]  # captured, in files of any name
    kinds = (name.replace(run_id, "its lock").partition(":")[0] for name in found.pop("files"))
    found["files"] = Counter(Path(kind).suffix or kind for kind in kinds)
    (found["inherited"],) = (Path(file).name == run_id for file in found.pop("inheritable"))
    return dict(found)


def test_it_is_as_a_run_that_was_started(
    runs: Launching, server: psutil.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment, folder, session, signals, output, arguments; and its files, but for its end of a connection."""
    before = os.umask(0o027)
    try:
        forked = facts(runs)
        monkeypatch.setenv("MEDALLION_FORK_RUNS", "no")
        started = facts(runs)
    finally:
        os.umask(before)
    assert started["environment"].pop("MEDALLION_FORK_RUNS") == "no"
    assert forked["environment"].pop("POLARS_OOC_SPILL_DIR")  # its own: nobody removes for it what it spills
    files, usual = forked.pop("files"), started.pop("files")
    assert forked == started
    assert files - usual == {"socket": 1}
    assert files["its lock"] == 1
    assert (forked["status"]["Umask"], forked["leads its session"]) == ("0027", True)
    assert server.is_running()


def test_it_shares_what_was_imported(runs: Launching, server: psutil.Popen) -> None:
    process = runs.process(runs.at_work())
    assert is_fork_of(process, server)
    assert process.memory_full_info().uss < OWN_MB * 1024**2


def test_it_lives_on_when_its_parent_is_killed_and_the_next_ones_are_started(
    runs: Launching, server: psutil.Popen
) -> None:
    run_id = runs.at_work()
    process = runs.process(run_id)
    assert is_fork_of(process, server)
    assert health(runs, run_id) == (WorkerStatus.RUNNING, None)
    server.kill()
    server.wait()
    other = runs.at_work()
    assert runs.process(other).cmdline()[1:] == ["-m", "dagster", "api", "execute_run"]
    (runs.folder / "go").touch()
    for run in (run_id, other):
        runs.wait_for(run, Status.SUCCESS)
    wait_until(lambda: known_runs(folder_of(runs.instance)) == [], "their locks are removed")


def test_one_that_is_killed_is_lost_at_once_and_leaves_nothing(runs: Launching, server: psutil.Popen) -> None:
    run_id = runs.at_work()
    process, child = runs.process(run_id), int((runs.folder / "child").read_text())
    assert is_fork_of(process, server)
    process.kill()
    runs.wait_for(run_id, Status.FAILURE)
    assert f"process {process.pid} of this run is gone from" in runs.said(run_id)
    assert runs.run(run_id).tags["dagster/max_retries"] == "1"
    assert gone(child)
    wait_until(lambda: not server.children(), "no zombie is left")


def test_one_that_is_terminated_ends_with_its_children(runs: Launching, server: psutil.Popen) -> None:
    run_id = runs.at_work()
    process, child = runs.process(run_id), int((runs.folder / "child").read_text())
    assert is_fork_of(process, server)
    assert runs.launcher.terminate(run_id)
    assert gone(process.pid)
    assert gone(child)
    runs.wait_for(run_id, Status.CANCELED)


def test_one_that_takes_longer_than_its_limit_ends_with_its_process(runs: Launching, server: psutil.Popen) -> None:
    """In the middle of a query of Polars, which hears of no signal."""
    run_id = runs.launch_hanging()
    process = runs.process(run_id)
    assert is_fork_of(process, server)
    runs.wait_for(run_id, Status.FAILURE)
    assert "silver.things: took longer than its time limit" in runs.said(run_id)
    assert kind_of_end(runs.instance, runs.run(run_id)) == "time limit"
    assert gone(process.pid)
    assert server.is_running()


def test_its_steps_may_have_processes_of_their_own(runs: Launching, server: psutil.Popen) -> None:
    run_id = runs.launch_side_by_side()
    wait_until(lambda: all((runs.folder / f"{step}.0").exists() for step in ("left", "right")), "both are at work")
    assert is_fork_of(runs.process(run_id), server)
    (runs.folder / "go").touch()
    runs.wait_for(run_id, Status.SUCCESS)


def test_what_it_prints_is_shown(runs: Launching, server: psutil.Popen) -> None:  # noqa: ARG001 - it forks
    run_id = runs.launch_telling()
    runs.wait_for(run_id, Status.SUCCESS)
    logs = Path(runs.instance.root_directory, "storage", run_id, "compute_logs")
    assert "printed by the run\n" in "".join(path.read_text() for path in logs.glob("*.out"))


# --- one process, whatever is lost


def test_a_fork_server_that_stands_still_is_not_waited_for_and_forks_nothing_later(
    runs: Launching, server: psutil.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.2)
    server.suspend()
    run_id = runs.at_work()
    process = runs.process(run_id)
    assert "execute_run" in process.cmdline()
    server.resume()
    expect_forks({"DAGSTER_HOME": runs.instance.root_directory}, seconds=60)  # it has come to what was asked before
    wait_until(lambda: not server.children(), "what was forked for nobody has ended")
    (runs.folder / "go").touch()
    runs.wait_for(run_id, Status.SUCCESS)
    assert runs.executed == [run_id]


def test_a_fork_that_was_given_up_before_its_last_word_does_nothing(
    runs: Launching, server: psutil.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was ready; the word was not sent, and another process was started."""
    ready: list[psutil.Process] = []

    def broken(*_: object) -> None:
        ready.extend(server.children())
        raise BrokenPipeError

    monkeypatch.setattr(socket, "send_fds", broken)
    run_id = runs.at_work()
    assert len(ready) == 1
    assert runs.process(run_id) != ready[0]
    wait_until(lambda: not server.children(), "it has ended")
    (runs.folder / "go").touch()
    runs.wait_for(run_id, Status.SUCCESS)
    assert runs.executed == [run_id]


def test_a_fork_that_hangs_with_the_lock_in_its_hands_is_killed(
    runs: Launching, server: psutil.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the run would be held by it for ever: neither lost nor restarted when the other process is killed."""
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 2)
    send, stopped = socket.send_fds, list[psutil.Process]()

    def sent_to_one_that_hangs(*given: Any) -> int:
        stopped.extend(server.children())
        stopped[0].suspend()
        return send(*given)

    monkeypatch.setattr(socket, "send_fds", sent_to_one_that_hangs)
    run_id = runs.at_work()
    assert not stopped[0].is_running()
    process = runs.process(run_id)
    process.kill()
    wait_until(lambda: not is_held(folder_of(runs.instance), run_id), "nobody holds it any more")


def test_a_launcher_that_is_killed_before_the_last_word_leaves_nobody_at_work(
    runs: Launching, server: psutil.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end closes the connection; here it has closed the lock as well."""

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(Hold, "note", killed)
    run_id = runs.make()
    with pytest.raises(Killed):
        runs.instance.launch_run(run_id, workspace=None)  # type: ignore[arg-type]
    wait_until(lambda: not server.children(), "the fork has ended")
    assert not is_held(folder_of(runs.instance), run_id)
    assert runs.executed == []
