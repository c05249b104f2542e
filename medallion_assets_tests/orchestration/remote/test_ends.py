"""A Dagster that is killed, or told to end, while a stage is at work elsewhere: processes that are really ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

import dagster as dg
import psutil
import pytest

from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets_tests.compute.job_servers import JobServer, job_server
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.judged_exports import TRANSACTIONS, base, keys, land
from medallion_assets_tests.orchestration.remote.remote_graph import (
    program,
    remote_graph,
    service_settings,
    settings_of,
)
from medallion_assets_tests.services.processes import REPOSITORY
from medallion_assets_tests.services.waiting import SECONDS, wait_until

pytestmark = pytest.mark.slow
WAITS = """
until = time.monotonic() + 300
while not os.path.exists(os.environ['GO_ON']) and time.monotonic() < until:
    time.sleep(0.05)
"""
WITHOUT_SIGNALS = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:], start_new_session=True))"
"""As ssh does: it starts a program out of the reach of signals, and waits for it."""
ENTRY = """
import os, sys, time
import medallion_assets.remote.__main__ as entry
def run_stage(*_, **__):
{waits}
entry.run_stage = run_stage
sys.exit(entry.main(sys.argv[1:]))
"""
THEN_OURS = "os.execv(sys.executable, [sys.executable, '-m', 'medallion_assets.remote', *sys.argv[1:]])"


def holding(*, then: str = "") -> list[str]:
    """A command that waits, once it is at its place, until a file is there."""
    return program(f"{WAITS}\n{then}")


def ours_behind_a_wrapper() -> list[str]:
    """Our entry point with a stage that waits, started by a program that hands on no signal."""
    ours = [sys.executable, "-c", ENTRY.format(waits=indent(WAITS, "    "))]
    return [sys.executable, "-c", WITHOUT_SIGNALS, *ours]


def becomes_ours() -> list[str]:
    """A command that waits before it is at its place, and is ours then."""
    return [sys.executable, "-c", f"import os, sys, time\n{WAITS}\n{THEN_OURS}"]


@contextmanager
def dagster(home: Path, compute: dict[str, Any], url: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A Dagster that runs the stage, in a process of its own."""
    environment = {**os.environ, **settings_of(home, compute, url=url), "GO_ON": str(home / "go_on")}
    command = [sys.executable, "-m", __name__, str(home), json.dumps(compute), url]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def messages(home: Path) -> list[Path]:
    return sorted(home.glob("lakehouse/operations/remote/*/*/*/message-*.json"))


def attempts_of(home: Path) -> set[str]:
    """The numbers of the attempts; of one whose end was seen its mark alone is left."""
    files = list(home.glob("lakehouse/operations/remote/*/*/*/*.json"))
    assert {file.name for file in files} == {"end.json"}
    return {file.parent.name for file in files}


def opened(home: Path) -> dict[str, Any]:
    """How the remote process named itself in its first message."""
    (first,) = wait_until(lambda: messages(home)[:1], "it has said something")
    extras: dict[str, Any] = json.loads(first.read_bytes())["params"]["extras"]
    return extras


def planted(home: Path, instance: dg.DagsterInstance, compute: dict[str, Any], url: str = "") -> Graph:
    graph = remote_graph(home, instance, compute, url=url)
    land(graph, base())
    return graph


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_a_step_that_is_ended_ends_its_process(
    tmp_path: Path, dagster_instance: dg.DagsterInstance, told: signal.Signals
) -> None:
    compute = {"silver": holding()}
    graph = planted(tmp_path, dagster_instance, compute)
    with dagster(tmp_path, compute) as running:
        process = psutil.Process(opened(tmp_path)["pid"])
        running.send_signal(told)
        running.wait(SECONDS)
        process.wait(SECONDS)
    (row,) = read_attempts(graph.lakehouse).to_dicts()
    assert (row["outcome"], row["attempt"]) == ("canceled", 1)
    assert attempts_of(tmp_path) == {"1"}
    (end,) = tmp_path.glob("lakehouse/operations/remote/*/*/*/end.json")
    assert json.loads(end.read_bytes()) == {"outcome": "canceled"}


def test_a_step_that_is_ended_ends_a_process_that_no_signal_reaches(
    tmp_path: Path, dagster_instance: dg.DagsterInstance
) -> None:
    """It looks whether somebody waits for it: as often as Dagster looks at it."""
    compute = {"silver": ours_behind_a_wrapper()}
    planted(tmp_path, dagster_instance, compute)
    with dagster(tmp_path, compute) as running:
        process = psutil.Process(opened(tmp_path)["pid"])
        running.send_signal(signal.SIGTERM)
        running.wait(SECONDS)
        process.wait(SECONDS)
    assert attempts_of(tmp_path) == {"1"}


@pytest.mark.parametrize("service", ["emr_serverless", "databricks"])
def test_a_step_that_is_ended_cancels_its_job(tmp_path: Path, service: str) -> None:
    compute = {"silver": service, **service_settings(service)}
    with job_server() as server, dagster(tmp_path, compute, server.url) as running:
        wait_until(lambda: "look" in server.calls, "the job is looked at")
        running.send_signal(signal.SIGTERM)
        running.wait(SECONDS)
        (job,) = server.jobs.values()
        assert server.canceled == [job.id]


@pytest.mark.parametrize(("service", "is_noted"), [("emr_serverless", False), ("databricks", True)])
def test_after_a_kill_the_run_goes_on_with_the_same_job(
    tmp_path: Path,
    dagster_instance: dg.DagsterInstance,
    service: str,
    is_noted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dagster is killed while the job works; the run that is started anew takes what that job reports."""
    compute = {"silver": service, **service_settings(service)}
    with job_server(launch=_launch(tmp_path)) as server:
        graph = _at(tmp_path, dagster_instance, compute, monkeypatch, server)
        with dagster(tmp_path, compute, server.url) as killed:
            wait_until(lambda: "look" in server.calls, "the job is looked at")
            killed.kill()
            killed.wait()
        (noted,) = tmp_path.glob("lakehouse/operations/remote/*/*/*/job.json")
        if is_noted:
            starts = 1
        else:  # as when it is killed between the service's answer and the note
            noted.unlink()
            starts = 2
        (tmp_path / "go_on").touch()
        run = graph.run(TRANSACTIONS, tags={"dagster/root_run_id": root_of(tmp_path)})
        assert run.success
        assert len(server.jobs) == 1
        assert server.calls.count("start") == starts
        assert keys(graph) == ["t0"]
        assert graph.run(TRANSACTIONS).success
        assert len(server.jobs) == 2  # the next run has a job of its own


def test_after_a_kill_the_run_goes_on_with_the_same_process(
    tmp_path: Path, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = {"silver": holding(then="send_end(pipes, peak_memory_bytes=7, failure=PermanentError('as it was'))")}
    graph = _at(tmp_path, dagster_instance, compute, monkeypatch)
    with dagster(tmp_path, compute) as killed:
        pid = opened(tmp_path)["pid"]
        killed.kill()
        killed.wait()
    assert psutil.pid_exists(pid)
    (tmp_path / "go_on").touch()
    run = graph.run(TRANSACTIONS, tags={"dagster/root_run_id": root_of(tmp_path)})
    assert run.failure == "as it was"
    assert attempts_of(tmp_path) == {"1"}


def test_a_process_that_died_with_its_dagster_is_followed_by_another(
    tmp_path: Path, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = {"silver": holding(then="send_end(pipes, peak_memory_bytes=7, failure=PermanentError('the second'))")}
    graph = _at(tmp_path, dagster_instance, compute, monkeypatch)
    with dagster(tmp_path, compute) as killed:
        process = psutil.Process(opened(tmp_path)["pid"])
        killed.kill()
        killed.wait()
    process.kill()
    wait_until(lambda: not process.is_running(), "it has ended")
    (tmp_path / "go_on").touch()
    run = graph.run(TRANSACTIONS, tags={"dagster/root_run_id": root_of(tmp_path)})
    assert run.failure == "the second"
    assert attempts_of(tmp_path) == {"1", "2"}


def root_of(home: Path) -> str:
    """The run that the killed Dagster was at work on."""
    (root,) = filter(Path.is_dir, (home / "lakehouse/operations/remote").iterdir())
    return root.name


def _launch(home: Path) -> Callable[[list[str]], subprocess.Popen[bytes]]:
    environment = {**os.environ, **settings_of(home, {}), "GO_ON": str(home / "go_on")}
    return lambda arguments: subprocess.Popen([*becomes_ours(), *arguments], env=environment)


def _at(
    home: Path,
    instance: dg.DagsterInstance,
    compute: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    server: JobServer | None = None,
) -> Graph:
    url = server.url if server else ""
    for name, value in {**settings_of(home, compute, url=url), "GO_ON": str(home / "go_on")}.items():
        monkeypatch.setenv(name, value)
    return planted(home, instance, compute, url)


if __name__ == "__main__":
    with dg.DagsterInstance.ephemeral() as ephemeral:
        remote_graph(Path(sys.argv[1]), ephemeral, json.loads(sys.argv[2]), url=sys.argv[3]).run(TRANSACTIONS)
