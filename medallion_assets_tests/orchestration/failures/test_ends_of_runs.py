"""Runs that could not speak for themselves are told once each, with what they did not make, and so are their ends."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.orchestration.runs.watch import UNREPORTED_SECONDS, conclude, look
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.instances import MONITORED, NO_TIME, instance_on_disk
from medallion_assets_tests.orchestration.failures.conftest import desk_at
from medallion_assets_tests.orchestration.failures.foreign import DAY, GOLD, SERVING, Frame, gold_of
from medallion_assets_tests.orchestration.failures.on_call import on_call
from medallion_assets_tests.orchestration.runs.launching import UNWATCHED
from medallion_assets_tests.services.processes import REPOSITORY
from medallion_assets_tests.services.waiting import wait_until

JOB = "support_daily_gold_and_publish"
ASSETS = (GOLD.replace(".", "/"), SERVING.replace(".", "/"))


@pytest.fixture
def watched(desk: Graph) -> Iterator[Graph]:
    """The help desk with an instance as production has it; nobody watches its runs but the test."""
    with instance_on_disk({"run_launcher": UNWATCHED, **MONITORED}) as instance:
        yield replace(desk, instance=instance)


def never_began(graph: Graph) -> str:
    """Whoever was to start its process was killed before."""
    run = planned(graph)
    event = dg.DagsterEvent(event_type_value="PIPELINE_STARTING", job_name=run.job_name)
    graph.instance.report_dagster_event(event, run.run_id)
    look(graph.instance, time.time() + UNREPORTED_SECONDS + 60)
    return run.run_id


def out_of_time(graph: Graph) -> str:
    """Dagster's run monitoring ends it in the middle of its first stage."""

    def interrupted(_: Frame) -> Frame:
        (run,) = graph.instance.get_runs(limit=1)
        graph.instance.add_run_tags(run.run_id, NO_TIME)
        graph.instance.report_run_canceling(run, "Exceeded maximum runtime of 5 seconds.")
        raise dg.DagsterExecutionInterruptedError

    with suppress(dg.DagsterExecutionInterruptedError):
        gold_of(interrupted)(graph).run(ASSETS[0], first=DAY)
    (run,) = graph.instance.get_runs(limit=1)
    graph.instance.report_run_failed(run)
    return run.run_id


def killed(graph: Graph) -> str:
    """Its process is, in the middle of its first stage."""
    home, at_work = graph.settings.home, graph.settings.home / "at-work"
    command = [sys.executable, "-m", __name__, str(home), graph.instance.root_directory]
    process = subprocess.Popen(command, cwd=REPOSITORY)
    try:
        wait_until(at_work.exists, "the run is at work")
    finally:
        process.kill()
        process.wait()
    (run,) = graph.instance.get_runs(limit=1)
    conclude(graph.instance, run.run_id)
    return run.run_id


def planned(graph: Graph) -> dg.DagsterRun:
    keys = {dg.AssetKey(asset.split("/")) for asset in ASSETS}
    job = graph.definitions.resolve_job_def(JOB).get_subset(asset_selection=keys)
    return graph.instance.create_run_for_job(job, tags={"dagster/partition": str(DAY)})


@pytest.mark.parametrize(
    ("end", "says"),
    [
        pytest.param(never_began, ("its launch was cut short", f"not made either: {SERVING}"), id="it never began"),
        pytest.param(out_of_time, ("maximum runtime", "time_limit_seconds"), id="it is out of time"),
        pytest.param(killed, ("of this run is gone", "out of memory"), id="it is killed", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_cannot_speak_for_itself_is_told_once_and_so_is_its_end(
    watched: Graph, end: Callable[[Graph], str], says: tuple[str, ...]
) -> None:
    with on_call(watched) as person:
        failed = end(watched)
        for _ in range(2):
            person.look()
        person.expect_told([failed], GOLD, says)
        assert watched.run(*ASSETS, first=DAY).success
        for _ in range(2):
            person.look()
        person.expect_over(GOLD)


def waits(tickets: Frame) -> Frame:
    (Path(sys.argv[1]) / "at-work").touch()
    time.sleep(600)
    return tickets


if __name__ == "__main__":
    with dg.DagsterInstance.from_config(sys.argv[2]) as on_disk:
        gold_of(waits)(desk_at(Path(sys.argv[1]), on_disk)).run(ASSETS[0], first=DAY)
