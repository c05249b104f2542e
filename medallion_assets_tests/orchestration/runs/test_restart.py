"""A lost run is started anew, a few times, also when there was no code server at the moment at which it was lost."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.storage.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    MAX_RETRIES_TAG,
    RETRY_NUMBER_TAG,
    RUN_FAILURE_REASON_TAG,
    WILL_RETRY_TAG,
)

from medallion_assets.orchestration.runs.restart import LOST_TAG, allow_restart, left_out
from medallion_assets.orchestration.runs.watch import look
from medallion_assets_tests.orchestration.runs.launching import Launching, launching
from medallion_assets_tests.services.processes import free_port, running

PORT = free_port()
LOCATION = GrpcServerCodeLocationOrigin("127.0.0.1", port=PORT, location_name="jobs")
RETRIES = {"run_retries": {"enabled": True}}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launching]:
    monkeypatch.setattr("medallion_assets.orchestration.runs.launcher.watch", lambda *_: None)
    with launching(tmp_path, RETRIES) as one:
        yield one


@pytest.mark.parametrize(
    ("tags", "allowed"),
    [
        pytest.param({}, "1", id="a run that has no retries"),
        pytest.param({MAX_RETRIES_TAG: "0"}, "1", id="nor by its tags"),
        pytest.param({MAX_RETRIES_TAG: "1", RETRY_NUMBER_TAG: "1"}, "2", id="one that was lost before"),
        pytest.param({MAX_RETRIES_TAG: "2", RETRY_NUMBER_TAG: "2"}, "2", id="no more than twice"),
        pytest.param({MAX_RETRIES_TAG: "5"}, "5", id="what its tables allow stays"),
        pytest.param({MAX_RETRIES_TAG: "often", RETRY_NUMBER_TAG: "-"}, "1", id="tags that are no numbers"),
    ],
)
def test_a_lost_run_is_started_anew(runs: Launching, tags: dict[str, str], allowed: str) -> None:
    run_id = runs.make(tags)
    allow_restart(runs.instance, runs.run(run_id))
    assert runs.run(run_id).tags[MAX_RETRIES_TAG] == allowed


def test_a_run_that_was_to_be_ended_is_not_started_anew(runs: Launching) -> None:
    run_id = runs.make()
    runs.instance.report_run_canceling(runs.run(run_id))
    assert allow_restart(runs.instance, runs.run(run_id)) is None
    assert MAX_RETRIES_TAG not in runs.run(run_id).tags


@pytest.mark.parametrize(
    ("tags", "is_left_out"),
    [
        pytest.param({}, True, id="the code server was away"),
        pytest.param({AUTO_RETRY_RUN_ID_TAG: "another"}, False, id="it was started anew"),
        pytest.param({WILL_RETRY_TAG: "true"}, False, id="Dagster is to start it anew"),
        pytest.param({LOST_TAG: "another"}, False, id="a former one was lost"),
        pytest.param({RUN_FAILURE_REASON_TAG: "STEP_FAILURE"}, False, id="its step failed"),
    ],
)
def test_what_dagster_could_not_start_anew_is_left_out(
    runs: Launching, tags: dict[str, str], is_left_out: bool
) -> None:
    run_id = lost(runs, tags)
    assert [run.run_id for run in left_out(runs.instance, time.time())] == [run_id] * is_left_out
    assert list(left_out(runs.instance, time.time() + 7200)) == []


@pytest.mark.slow
def test_it_is_started_anew_once_the_code_server_is_back(runs: Launching, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "dagster",
        "api",
        "grpc",
        "-m",
        "medallion_assets_tests.orchestration.runs.run_jobs",
    ]
    command += ["--host", "127.0.0.1", "--port", str(PORT)]

    def is_up() -> bool:
        try:
            LOCATION.create_location(runs.instance).cleanup()
        except dg.DagsterError:
            return False
        return True

    with running(command, environment=os.environ, log=tmp_path / "log", ready=is_up):
        location = LOCATION.create_location(runs.instance)
        job = location.get_repository("repository").get_full_job("waiting")
        origin = job.get_remote_origin()
        location.cleanup()
        run_id = lost(runs, {}, origin)
    look(runs.instance, time.time())
    assert runs.instance.get_runs_count() == 1
    with running(command, environment=os.environ, log=tmp_path / "log", ready=is_up):
        look(runs.instance, time.time())
        look(runs.instance, time.time())
    again = [run for run in runs.instance.get_runs() if run.run_id != run_id]
    assert [(run.parent_run_id, run.tags[RETRY_NUMBER_TAG]) for run in again] == [(run_id, "1")]
    assert runs.run(run_id).tags[AUTO_RETRY_RUN_ID_TAG] == again[0].run_id


def lost(runs: Launching, tags: dict[str, str], origin: object = None) -> str:
    """A run that was lost, and that Dagster failed to start anew."""
    run_id = runs.make(origin=origin)
    allow_restart(runs.instance, runs.run(run_id))
    runs.instance.report_run_failed(runs.run(run_id))
    runs.instance.add_run_tags(run_id, {WILL_RETRY_TAG: "false", **tags})
    return run_id
