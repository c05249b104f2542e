"""Steps side by side: they overlap, are tried again each for itself, and none outlives the process of its run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import psutil
import pytest

from medallion_assets.orchestration.runs.locks import noted
from medallion_assets.orchestration.runs.outcomes import step_error
from medallion_assets.orchestration.runs.whereabouts import folder_of
from medallion_assets_tests.orchestration.runs.launching import Launching
from medallion_assets_tests.orchestration.runs.run_jobs import breaking, crashing, late
from medallion_assets_tests.orchestration.runs.test_processes import gone
from medallion_assets_tests.services.waiting import wait_until

Type = dg.DagsterEventType
Status = dg.DagsterRunStatus
pytestmark = pytest.mark.slow


def process(runs: Launching, step: str, attempt: int = 0) -> psutil.Process:
    """The process of an attempt of a step, once it is at work."""
    file = runs.folder / f"{step}.{attempt}"
    wait_until(lambda: file.exists() and file.read_text(), f"{step} is at work")
    return psutil.Process(int(file.read_text()))


def test_steps_overlap_and_one_that_dies_is_tried_again_for_itself(runs: Launching) -> None:
    run_id = runs.launch_side_by_side()
    left, right = process(runs, "left"), process(runs, "right")
    worker = runs.process(run_id)
    assert len({left.pid, right.pid, worker.pid}) == 3
    left.kill()
    process(runs, "left", 1)
    assert right.is_running()
    assert runs.process(run_id) == worker
    (runs.folder / "go").touch()
    runs.wait_for(run_id, Status.SUCCESS)
    events = [entry.dagster_event for entry in runs.instance.all_logs(run_id) if entry.dagster_event]
    kinds = [(event.step_key, event.event_type) for event in events]
    assert kinds.index(("right", Type.STEP_START)) < kinds.index(("left", Type.STEP_SUCCESS))
    assert kinds.count(("left", Type.STEP_UP_FOR_RETRY)) == 1
    assert kinds.count(("right", Type.STEP_START)) == 1


def test_a_run_that_is_killed_takes_its_steps_with_it_and_may_be_started_anew(runs: Launching) -> None:
    run_id = runs.launch_side_by_side()
    steps = [process(runs, "left"), process(runs, "right")]
    runs.process(run_id).kill()
    runs.wait_for(run_id, Status.FAILURE)
    assert all(gone(step.pid) for step in steps)
    assert runs.run(run_id).tags["dagster/max_retries"] == "1"
    assert " of this run is gone from " in runs.said(run_id)


def test_a_run_that_is_terminated_ends_its_steps(runs: Launching) -> None:
    run_id = runs.launch_side_by_side()
    steps = [process(runs, "left"), process(runs, "right")]
    assert runs.launcher.terminate(run_id)
    assert all(gone(step.pid) for step in steps)
    runs.wait_for(run_id, Status.CANCELED)


def test_steps_end_with_a_run_that_nobody_watches(runs: Launching) -> None:
    """That of a command line; while it is at work it is held, whatever its steps do."""
    ops = {step: {"config": {"folder": str(runs.folder)}} for step in ("left", "right")}
    (config := runs.folder / "config.yaml").write_text(json.dumps({"ops": ops}))
    command = [sys.executable, "-m", "dagster", "job", "execute", "-j", "side_by_side", "-c", str(config)]
    command += ["-m", "medallion_assets_tests.orchestration.runs.run_jobs"]
    environment = {"DAGSTER_HOME": runs.instance.root_directory, "PATH": "/usr/bin:/bin"}
    run = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    steps = [process(runs, "left"), process(runs, "right")]
    (record,) = runs.instance.get_runs()
    holder = noted(folder_of(runs.instance), record.run_id)
    assert holder is not None
    assert holder.pid == run.pid
    run.kill()
    run.wait()
    wait_until(lambda: all(gone(step.pid) for step in steps), "its steps are gone")


def test_a_step_whose_resource_fails_fails_at_once(tmp_path: Path) -> None:
    """The run could not succeed any more, whatever a retry did: nothing of it is tried again."""
    config = {"resources": {"breaks": {"config": {"folder": str(tmp_path)}}}}
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = dg.execute_job(dg.reconstructable(breaking), instance, run_config=config)
        entries = instance.all_logs(result.run_id)
    kinds = [entry.dagster_event.event_type for entry in entries if entry.dagster_event]
    assert (Type.STEP_UP_FOR_RETRY in kinds, kinds.count(Type.STEP_FAILURE)) == (False, 1)
    assert (tmp_path / "asked").read_text().count("asked") == 1


def test_a_step_whose_process_is_gone_waits_as_long_as_the_settings_say(tmp_path: Path) -> None:
    """Where its limits do not say it; here that is not at all."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = dg.execute_job(dg.reconstructable(crashing), instance)
        entries = instance.all_logs(result.run_id)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    (retry,) = [event.step_retry_data for event in events if event.event_type is Type.STEP_UP_FOR_RETRY]
    assert result.success
    assert retry.seconds_to_wait == 0


def test_a_step_that_its_time_limit_ends_is_tried_again_only_if_that_is_declared(tmp_path: Path) -> None:
    """Whatever retries it has; and its rows and the alert say that it was the limit."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = dg.execute_job(dg.reconstructable(late), instance)
        events = [entry.dagster_event for entry in instance.all_logs(result.run_id) if entry.dagster_event]
    ends = [event for event in events if event.event_type in (Type.STEP_UP_FOR_RETRY, Type.STEP_FAILURE)]
    kinds = [(event.step_key, event.event_type) for event in ends]
    once, twice = ([kind for step, kind in kinds if step == key] for key in ("once", "twice"))
    assert (once, twice) == ([Type.STEP_FAILURE], [Type.STEP_UP_FOR_RETRY, Type.STEP_FAILURE])
    for event in ends:
        said = step_error(event)
        assert said["error_kind"] == "time limit"
        assert "took longer than its time limit; expected: at most 60 s" in said["error"]
