"""What only events tell of a process: runs of another DAGSTER_HOME, of an earlier release, and of other hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from medallion_assets.orchestration.runs import launcher as run_launcher
from medallion_assets.orchestration.runs.ends import kind_of_end
from medallion_assets.orchestration.runs.launcher import WatchedRunLauncher
from medallion_assets.orchestration.runs.processes import RunProcess
from medallion_assets.orchestration.runs.whereabouts import HOST_TAG, report_process
from medallion_assets_tests.instances import instance_on_disk
from medallion_assets_tests.orchestration.runs.launching import Launching, health

HERE = "this-host"


def run_of(runs: Launching, *pids: int, tags: dict[str, str] | None = None) -> str:
    """A run whose processes are reported by Dagster's own events alone."""
    run_id = runs.make(tags)
    for pid in pids:
        data = EngineEventData.in_process(pid)
        runs.instance.report_engine_event(f"Started process for run (pid: {pid}).", runs.run(run_id), data)
    runs.instance.report_engine_event("Another event, without a process", runs.run(run_id))
    return run_id


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The tag of a run that this host launched."""
    monkeypatch.setattr("socket.gethostname", lambda: HERE)
    return {HOST_TAG: HERE}


def dead_pid() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_the_last_process_of_a_run_counts(runs: Launching, here: dict[str, str]) -> None:
    living, dead = os.getpid(), dead_pid()
    assert health(runs, run_of(runs, dead, living, tags=here)) == (WorkerStatus.RUNNING, None)
    message = f"process {dead} of this run is gone from {HERE}"
    assert health(runs, run_of(runs, living, dead, tags=here)) == (WorkerStatus.FAILED, message)


@pytest.mark.parametrize(
    ("tags", "host"),
    [
        pytest.param({HOST_TAG: "elsewhere"}, "elsewhere", id="launched by the daemon of another host"),
        pytest.param({GRPC_INFO_TAG: json.dumps({"host": "10.0.0.7"})}, "10.0.0.7", id="on a code server of another"),
    ],
)
def test_nobody_here_judges_or_ends_a_process_of_another_host(
    runs: Launching, here: dict[str, str], tags: dict[str, str], host: str
) -> None:
    run_id = run_of(runs, dead_pid(), tags={**here, **tags})
    assert health(runs, run_id) == (WorkerStatus.RUNNING, f"not watched: its process is on another host, {host}")
    assert not runs.launcher.terminate(run_id)
    assert f"of this run is on host {host}, this is {HERE}. End it there." in runs.said(run_id)
    assert runs.run(run_id).status is dg.DagsterRunStatus.NOT_STARTED


def test_a_process_that_names_its_host_is_judged_there_alone(runs: Launching, here: dict[str, str]) -> None:
    run_id = run_of(runs, tags=here)
    report_process(runs.instance, runs.run(run_id), RunProcess(pid=dead_pid(), host="a-laptop", noted_at=1.0))
    assert health(runs, run_id)[1] == "not watched: its process is on another host, a-laptop"


def test_a_process_without_a_host_is_not_said_to_be_on_another_one(runs: Launching) -> None:
    pid = dead_pid()
    run_id = run_of(runs, pid)
    assert health(runs, run_id) == (WorkerStatus.RUNNING, f"not watched: process {pid} has not reported its host")


def test_a_code_server_by_socket_is_on_this_host(runs: Launching, here: dict[str, str]) -> None:
    """As `dagster dev` starts them."""
    server = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": "/tmp/socket"})}
    assert health(runs, run_of(runs, dead_pid(), tags={**here, **server}))[0] is WorkerStatus.FAILED


def test_a_run_that_began_and_told_no_process_is_lost_after_a_minute(runs: Launching, here: dict[str, str]) -> None:
    run_id = run_of(runs, tags=here)
    assert health(runs, run_id) == (WorkerStatus.RUNNING, "it has not reported its process yet")
    start = dg.DagsterEvent(event_type_value="PIPELINE_START", job_name="waiting")
    runs.instance.report_dagster_event(start, run_id)
    record = runs.instance.get_run_record_by_id(run_id)
    assert record is not None
    assert record.start_time is not None
    later = record.start_time + run_launcher.UNREPORTED_SECONDS + 1
    launcher = WatchedRunLauncher(clock=lambda: later)
    launcher.register_instance(runs.instance)
    found = launcher.check_run_worker_health(runs.run(run_id))
    assert (found.status, found.msg) == (WorkerStatus.FAILED, "it began, and reported no process within 60 s")
    launcher.get_run_worker_debug_info(runs.run(run_id))
    launcher.dispose()
    assert kind_of_end(runs.instance, runs.run(run_id)) == "unreported process"


@pytest.mark.usefixtures("here")
def test_the_host_is_written_down_before_the_run_starts(runs: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that is killed right after the start leaves a run that the next one can judge."""
    seen = []
    monkeypatch.setattr(run_launcher, "start_worker", lambda run, *_: seen.append(runs.run(run.run_id).tags[HOST_TAG]))
    run_id = runs.make()
    runs.launcher.launch_run(LaunchRunContext(dagster_run=runs.run(run_id), workspace=None))
    assert seen == [HERE]


def test_a_dagster_yaml_of_an_earlier_release_is_read_on() -> None:
    """One of somebody's own is kept, and names the launcher's module as it was called then."""
    former = {"run_launcher": {"module": "medallion_assets.run_launcher", "class": "WatchedRunLauncher"}}
    with instance_on_disk(former) as instance:
        assert isinstance(instance.run_launcher, WatchedRunLauncher)
