"""Kills of single processes of the production deployment: a launch has one process and one outcome, and ticks go on.

It takes minutes, on a quiet machine: `make test-kills` runs it, beside the other deployment. In CI all else gives way.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random

import dagster as dg
import psutil
import pytest
import requests
from dagster._core.storage.tags import ROOT_RUN_ID_TAG

from medallion_assets.orchestration.runs.locks import is_held, noted
from medallion_assets.orchestration.runs.restart import LOST_TAG
from medallion_assets.orchestration.runs.whereabouts import folder_of
from medallion_assets_tests.end_to_end.test_production import FINISHED
from medallion_assets_tests.services.daemon import FORKED, Deployment, deployment
from medallion_assets_tests.services.postgres import PostgresServer
from medallion_assets_tests.services.waiting import wait_until

KILLS = int(os.environ.get("MEDALLION_KILLS") or 0)
PARTS = {
    "daemon": ("medallion-daemon",),
    "code server": ("grpc",),
    "fork server": ("medallion_assets.orchestration.runs.forks",),
    "worker": (),
}
TICKS_SECONDS = {signal.SIGKILL: 60.0, signal.SIGSTOP: 150.0}
"""What ended is started again at once; what stands still is killed after a minute of silence."""
Type = dg.DagsterEventType
ENDS = {Type.RUN_SUCCESS, Type.RUN_FAILURE, Type.RUN_CANCELED}

pytestmark = pytest.mark.skipif(not KILLS, reason="takes minutes, on a quiet machine: make test-kills")


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Deployment]:
    """A deployment without exports, whose sensors start nothing."""
    environment = {
        "DAGSTER_POSTGRES_URL": postgres.make_database(),
        "MEDALLION_TIMERS": "none",
        "AWS_REGION": "us-west-2",
    }
    with deployment(tmp_path_factory.mktemp("launches"), environment) as production:
        production.start()
        yield production


@pytest.fixture
def instance(production: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of the deployment."""
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", production.environment["DAGSTER_POSTGRES_URL"])
    with dg.DagsterInstance.from_config(production.environment["DAGSTER_HOME"]) as instance:
        yield instance


def test_a_launch_has_one_process_and_one_outcome(
    production: Deployment, instance: dg.DagsterInstance, tell: Callable[[str, str], None]
) -> None:
    """Whichever process is killed when, and the lost run is started anew by itself."""
    random = Random(20250501)
    for number in range(KILLS):
        part = [*PARTS][number % len(PARTS)]
        run_id = launched(production)
        moment = random.uniform(0, 4)
        time.sleep(moment)  # what this is about
        killed = worker_of(instance, run_id) if part == "worker" else production.process(*PARTS[part])
        if killed is not None:
            killed.kill()
        since, killed_at = time.monotonic(), time.time()
        runs = settled(instance, run_id)
        tell(
            f"kill {number + 1} ({part} {moment:.1f} s after the launch{'' if killed else ', which was not there'})",
            f"{', '.join(run.status.value for run in runs)} after {time.monotonic() - since:.0f} s",
        )
        assert runs[-1].status is dg.DagsterRunStatus.SUCCESS
        for run in runs:
            assert outcome(instance, run) == []
        wait_until_up(production, killed_at)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("part", ["code server", "daemon"])
def test_ticks_go_on_when_a_process_is_killed_or_stands_still(
    part: str, how: signal.Signals, production: Deployment, tell: Callable[[str, str], None]
) -> None:
    wait_until(lambda: min(ticks(production).values(), default=0), "every sensor has been evaluated")
    process = production.process(*PARTS[part])
    assert process is not None
    began_at = time.time()
    process.send_signal(how)
    wait_until(lambda: any(at > began_at + 5 for at in ticks(production).values()), "a tick", TICKS_SECONDS[how])
    tell(f"{part} {how.name}", f"a tick after {time.time() - began_at:.0f} s")
    assert production.process(*PARTS[part]) != process


def test_runs_are_forked(production: Deployment, instance: dg.DagsterInstance) -> None:
    """The daemon and the fork server have one environment, settings and code."""
    worker = worker_of(instance, at_work(production))
    assert worker is not None
    assert worker.name() == FORKED, production.end_of_log()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_runs_go_on_without_a_fork_server_and_it_is_started_again(
    how: signal.Signals, production: Deployment, instance: dg.DagsterInstance, tell: Callable[[str, str], None]
) -> None:
    before = at_work(production)
    wait_until(lambda: production.process(*PARTS["fork server"]), "it is there")
    server = production.process(*PARTS["fork server"])
    assert server is not None
    server.send_signal(how)
    since = time.monotonic()
    for run_id in (before, asked(production)):
        assert [run.status for run in settled(instance, run_id)] == [dg.DagsterRunStatus.SUCCESS]
    wait_until(lambda: production.process(*PARTS["fork server"]) not in (None, server), "another one")
    tell(f"fork server {how.name}", f"another one after {time.monotonic() - since:.0f} s")


def test_a_run_is_terminated_whose_code_server_is_another_by_now(
    production: Deployment, instance: dg.DagsterInstance
) -> None:
    run_id = at_work(production)
    worker = worker_of(instance, run_id)
    assert worker is not None
    worker.suspend()  # it does not hear SIGTERM, as a long call of a library does not
    server = production.process("grpc")
    assert server is not None
    server.kill()
    wait_until(
        lambda: production.process("grpc") not in (None, server) and production.is_ready(), "another code server"
    )
    assert production.terminate(run_id) == "TerminateRunSuccess"
    wait_until(lambda: status(instance, run_id) is dg.DagsterRunStatus.CANCELED, "it is canceled")
    assert not worker.is_running()


def test_a_killed_run_of_the_command_line_frees_its_pool(
    production: Deployment, instance: dg.DagsterInstance, tell: Callable[[str, str], None]
) -> None:
    """Within seconds, though no other host reports it."""
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "medallion_assets.definitions"]
    before = {run.run_id for run in instance.get_runs()}
    with subprocess.Popen([*command, "--select", "operations/data_freshness"], env=production.environment) as process:
        wait_until(lambda: begun(instance, before), "its step has begun")
        process.kill()
    killed_at = time.monotonic()
    (run,) = begun(instance, before)
    wait_until(lambda: status(instance, run.run_id) is dg.DagsterRunStatus.FAILURE, "it is found")
    tell("a killed command", f"found after {time.monotonic() - killed_at:.0f} s")
    said = [entry.dagster_event.message or "" for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    assert any(f"process {process.pid} of this run is gone from" in line for line in said)
    wait_until(lambda: run.run_id not in instance.event_log_storage.get_concurrency_run_ids(), "its pool is free")


def worker_of(instance: dg.DagsterInstance, run_id: str) -> psutil.Process | None:
    """The process that carries out a run, while it is at work."""
    folder = folder_of(instance)
    process = noted(folder, run_id)
    return psutil.Process(process.pid) if process and is_held(folder, run_id) else None


def launched(production: Deployment) -> str:
    """A run that was asked for, as soon as the daemon has taken it."""
    run_id = asked(production)
    wait_until(lambda: run_of(production, run_id) != "QUEUED", "the daemon takes it")
    return run_id


def at_work(production: Deployment) -> str:
    run_id = asked(production)
    wait_until(lambda: run_of(production, run_id) == "STARTED", "it is at work")
    return run_id


def asked(production: Deployment) -> str:
    """A run of what may run at any time, and says nothing of exports."""
    asked_for: list[str] = []

    def ask() -> bool:
        """While a code server comes up, the web server may know its assets only in part."""
        with suppress(AssertionError, requests.RequestException, KeyError):
            asked_for.append(production.launch_run("monitor", "operations/pipeline_checkpoint"))
        return bool(asked_for)

    wait_until(ask, "the definitions are there")
    return asked_for[0]


def run_of(production: Deployment, run_id: str) -> str:
    return next(run.status for run in production.runs(50) if run.run_id == run_id)


def settled(instance: dg.DagsterInstance, run_id: str) -> list[dg.DagsterRun]:
    """The run and those that it was started anew as, once all have ended."""

    def family() -> list[dg.DagsterRun]:
        again = instance.get_runs(dg.RunsFilter(tags={ROOT_RUN_ID_TAG: run_id}))
        first = instance.get_run_by_id(run_id)
        assert first is not None
        return [first, *reversed(again)]

    def is_over() -> bool:
        """A run that was lost counts once it was started anew: that comes moments after its end."""
        runs = family()
        is_lost = runs[-1].tags.get(LOST_TAG) == runs[-1].run_id
        return runs[-1].status.value in FINISHED and not is_lost

    wait_until(is_over, "every run has ended")
    return family()


def outcome(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """What a run has more than once that it may have once."""
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    counts = Counter(event.event_type for event in events)
    counts_of_steps = Counter(event.step_key for event in events if event.event_type is Type.STEP_START)
    started = [event for event in events if (event.message or "").startswith("Started process for run")]
    found = {"starts": counts[Type.RUN_START], "ends": sum(counts[end] for end in ENDS), "processes": len(started)}
    found |= {f"starts of {step}": count for step, count in counts_of_steps.items()}
    return [f"{count} {what} of {run.run_id}" for what, count in found.items() if count > 1]


def begun(instance: dg.DagsterInstance, before: set[str]) -> list[dg.DagsterRun]:
    """The runs since, of which a step has begun."""
    runs = [run for run in instance.get_runs() if run.run_id not in before]
    return [run for run in runs if instance.all_logs(run.run_id, of_type=Type.STEP_START)]


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus | None:
    run = instance.get_run_by_id(run_id)
    return run and run.status


def wait_until_up(production: Deployment, since: float) -> None:
    """Wait until the daemon has had a sensor evaluated since; only then can it start a lost run anew."""
    wait_until(lambda: max(ticks(production).values(), default=0.0) > since, "the daemon knows the definitions again")


def ticks(production: Deployment) -> dict[str, float]:
    try:
        return production.last_ticks()
    except (requests.RequestException, KeyError):  # the web server knows no definitions for a moment
        return {}
