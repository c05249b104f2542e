"""The run launcher tells a run whose process is gone, and is not fooled by another process of the same id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher import DefaultRunLauncher, LaunchRunContext, WorkerStatus
from dagster._core.storage.dagster_run import RunOpConcurrency
from dagster._core.storage.tags import GRPC_INFO_TAG, MAX_RETRIES_TAG, RETRY_NUMBER_TAG
from dagster._core.test_utils import instance_for_test

from medallion_assets.run_launcher import HOST_TAG, SAME_MOMENT_SECONDS, WatchedRunLauncher, Worker, lives
from medallion_assets_tests.services.postgres import PostgresServer

HERE = "this-host"


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    launcher = {"module": "medallion_assets.run_launcher", "class": "WatchedRunLauncher"}
    with instance_for_test({"run_launcher": launcher}) as one:
        yield one


@pytest.fixture(autouse=True)
def _this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: HERE)


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits to be ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def run_of(
    instance: dg.DagsterInstance, *pids: int, host: str = HERE, server: dict[str, object] | None = None
) -> dg.DagsterRun:
    """A run that was launched on a host by a code server, whose processes told of themselves."""
    tags = {HOST_TAG: host, GRPC_INFO_TAG: json.dumps(server or {"host": "localhost", "port": 4266})}
    run = instance.create_run_for_job(dg.job(name="nothing")(lambda: None), tags=tags)
    for pid in pids:
        data = EngineEventData.in_process(pid)
        instance.report_engine_event(f"Started process for run (pid: {pid}).", run, data)
    instance.report_engine_event("Another event, without a process", run)
    return run


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[WorkerStatus, str | None]:
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    assert launcher.supports_check_run_worker_health
    found = launcher.check_run_worker_health(run)
    return found.status, found.msg


def test_a_run_is_running_while_its_process_lives(
    instance: dg.DagsterInstance, worker: subprocess.Popen[bytes]
) -> None:
    run = run_of(instance, worker.pid)
    assert health(instance, run) == (WorkerStatus.RUNNING, None)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert health(instance, run) == (WorkerStatus.FAILED, f"process {worker.pid} of this run is gone from {HERE}")


def test_the_last_process_of_a_run_counts(instance: dg.DagsterInstance, worker: subprocess.Popen[bytes]) -> None:
    gone = dead_pid()
    assert health(instance, run_of(instance, gone, worker.pid))[0] is WorkerStatus.RUNNING
    assert health(instance, run_of(instance, worker.pid, gone))[0] is WorkerStatus.FAILED


def test_a_process_that_nobody_waited_for_is_gone(
    instance: dg.DagsterInstance, worker: subprocess.Popen[bytes]
) -> None:
    run = run_of(instance, worker.pid)
    worker.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(worker.pid).status() == psutil.STATUS_ZOMBIE
    assert health(instance, run)[0] is WorkerStatus.FAILED


@pytest.mark.parametrize(("seconds_later", "is_same"), [(0.0, True), (-SAME_MOMENT_SECONDS - 1, False)])
def test_a_younger_process_of_the_same_id_is_another_one(seconds_later: float, *, is_same: bool) -> None:
    began_at = psutil.Process().create_time()
    assert lives(Worker(os.getpid(), began_at + seconds_later)) is is_same


@pytest.mark.parametrize(
    ("host", "server"),
    [
        pytest.param("elsewhere", None, id="launched by the daemon of another host"),
        pytest.param(HERE, {"host": "10.0.0.7", "port": 4266}, id="on a code server of another host"),
    ],
)
def test_nobody_here_judges_a_process_of_another_host(
    instance: dg.DagsterInstance, host: str, server: dict[str, object] | None
) -> None:
    run = run_of(instance, dead_pid(), host=host, server=server)
    assert health(instance, run) == (WorkerStatus.RUNNING, "not watched: its process is on another host")


def test_a_run_without_a_process_is_left_to_its_start_timeout(instance: dg.DagsterInstance) -> None:
    assert health(instance, run_of(instance)) == (WorkerStatus.RUNNING, "it has not told its process yet")


def test_a_code_server_by_socket_is_on_this_host(instance: dg.DagsterInstance) -> None:
    """As `dagster dev` starts them."""
    run = run_of(instance, dead_pid(), server={"host": "localhost", "socket": f"/tmp/{time.time()}"})
    assert health(instance, run)[0] is WorkerStatus.FAILED


def test_the_host_is_written_down_before_the_run_starts(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that is killed right after the start leaves a run that the next one can judge."""
    run = instance.create_run_for_job(dg.job(name="nothing")(lambda: None))
    seen = []

    def start(_: DefaultRunLauncher, context: LaunchRunContext) -> None:
        found = instance.get_run_by_id(context.dagster_run.run_id)
        seen.append(found and found.tags.get(HOST_TAG))

    monkeypatch.setattr(DefaultRunLauncher, "launch_run", start)
    instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
    assert seen == [HERE]


@pytest.mark.parametrize(
    ("tags", "allowed"),
    [
        pytest.param({}, "1", id="a run that has no retries"),
        pytest.param({MAX_RETRIES_TAG: "0"}, "1", id="nor by its tags"),
        pytest.param({MAX_RETRIES_TAG: "1", RETRY_NUMBER_TAG: "1"}, "2", id="one that was lost before"),
        pytest.param({MAX_RETRIES_TAG: "2", RETRY_NUMBER_TAG: "2"}, "2", id="no more than twice"),
        pytest.param({MAX_RETRIES_TAG: "5"}, "5", id="what its tables allow stays"),
    ],
)
def test_a_lost_run_is_started_anew(instance: dg.DagsterInstance, tags: dict[str, str], allowed: str) -> None:
    run = instance.create_run_for_job(dg.job(name="nothing")(lambda: None), tags=tags)
    instance.run_launcher.get_run_worker_debug_info(run)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.tags[MAX_RETRIES_TAG] == allowed


def test_a_run_that_was_to_be_ended_is_not_started_anew(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(dg.job(name="nothing")(lambda: None), status=dg.DagsterRunStatus.CANCELING)
    assert instance.run_launcher.get_run_worker_debug_info(run) is None
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert MAX_RETRIES_TAG not in found.tags


def test_two_runs_launched_at_once_make_their_pools_once(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's steps make them otherwise, and PostgreSQL fails one of two that do so at the same moment."""
    monkeypatch.setattr(DefaultRunLauncher, "launch_run", lambda *_: None)
    settings = {
        "run_launcher": {"module": "medallion_assets.run_launcher", "class": "WatchedRunLauncher"},
        "storage": {"postgres": {"postgres_url": postgres.make_database()}},
        "concurrency": {"pools": {"default_limit": 1}},
    }
    pools = {f"silver/{number}" for number in range(5)}
    with instance_for_test(settings) as one:
        runs = [one.create_run_for_job(dg.job(name="nothing")(lambda: None)) for _ in range(4)]
        wanted = RunOpConcurrency(root_key_counts={}, has_unconstrained_root_nodes=False, all_pools=pools)
        contexts = [LaunchRunContext(run._replace(run_op_concurrency=wanted), workspace=None) for run in runs]
        with ThreadPoolExecutor(len(runs)) as threads:
            list(threads.map(one.run_launcher.launch_run, contexts))
        assert {pool.name: pool.limit for pool in one.event_log_storage.get_pool_limits()} == dict.fromkeys(pools, 1)


def dead_pid() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid
