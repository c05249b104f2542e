"""A lost run is started anew, a few times, also when nobody could at the moment at which it was lost."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    BACKFILL_ID_TAG,
    MAX_RETRIES_TAG,
    RETRY_NUMBER_TAG,
    RUN_FAILURE_REASON_TAG,
    WILL_RETRY_TAG,
)
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon

from medallion_assets.orchestration.runs.locks import take
from medallion_assets.orchestration.runs.outcomes import EndStatus, run_status
from medallion_assets.orchestration.runs.restart import (
    JOINT_TAG,
    LOOK_BACK,
    LOST_TAG,
    UNSUBMITTED_SECONDS,
    allow_restart,
    broken_promises,
    left_out,
    unsubmitted,
)
from medallion_assets.orchestration.runs.watch import look
from medallion_assets.orchestration.runs.whereabouts import folder_of
from medallion_assets_tests.orchestration.runs.launching import UNWATCHED, Launching, launching
from medallion_assets_tests.services.processes import free_port, running

PORT = free_port()
LOCATION = GrpcServerCodeLocationOrigin("127.0.0.1", port=PORT, location_name="jobs")
ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(LOCATION, "repository"), "waiting")
RETRIES = {"run_retries": {"enabled": True}}


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Launching]:
    with launching(tmp_path, RETRIES, launcher=UNWATCHED) as runs:
        yield runs


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


def test_a_joint_run_is_not_started_anew(runs: Launching) -> None:
    """Any of its tables may have ended it; its sensor asks for each of them alone."""
    run_id = runs.make({MAX_RETRIES_TAG: "0", JOINT_TAG: "yes"})
    allow_restart(runs.instance, runs.run(run_id))
    runs.instance.report_run_failed(runs.run(run_id))
    assert runs.run(run_id).tags[MAX_RETRIES_TAG] == "0"
    assert list(left_out(runs.instance, time.time())) == []


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
    assert run_status(runs.run(run_id), retries_enabled=True) is EndStatus.PENDING, "how it ends the new one tells"


@pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")
def test_a_promise_that_dagster_has_not_kept_is_over_and_told_where_nobody_can_keep_it(runs: Launching) -> None:
    """As of a run of the command line: until then people were told nothing, as it was to be started anew."""
    hear(runs)
    run_id = runs.make({MAX_RETRIES_TAG: "2"})
    runs.instance.report_run_failed(runs.run(run_id))
    assert runs.run(run_id).tags[WILL_RETRY_TAG] == "true"
    assert list(left_out(runs.instance, time.time())) == [], "Dagster has yet to hear of it"
    hear(runs)
    assert [run.run_id for run in left_out(runs.instance, time.time())] == [run_id]
    assert run_status(runs.run(run_id), retries_enabled=True) is EndStatus.PENDING
    look(runs.instance, time.time())
    assert run_status(runs.run(run_id), retries_enabled=True) is EndStatus.FAILED
    assert list(left_out(runs.instance, time.time())) == []


@pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")
def test_a_promise_that_nobody_could_keep_for_an_hour_is_over_and_said(runs: Launching) -> None:
    """Dagster has heard of it, done nothing and said nothing, and its code location does not load all the time."""
    hear(runs)
    run_id = lost(runs, {WILL_RETRY_TAG: "true"}, ORIGIN)
    hear(runs)
    runs.instance.add_run_tags(run_id, {WILL_RETRY_TAG: "true"})
    now = time.time()
    look(runs.instance, now)
    assert run_status(runs.run(run_id), retries_enabled=True) is EndStatus.PENDING
    for _ in range(2):
        look(runs.instance, now + LOOK_BACK.total_seconds() + 60)
        assert run_status(runs.run(run_id), retries_enabled=True) is EndStatus.FAILED
    assert runs.said(run_id).count("Not started anew: for 60 minutes nobody could") == 1


@pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")
def test_a_promise_that_was_kept_is_not_broken(runs: Launching) -> None:
    run_id = lost(runs, {WILL_RETRY_TAG: "true", AUTO_RETRY_RUN_ID_TAG: "another"}, ORIGIN)
    hear(runs)
    assert list(broken_promises(runs.instance, time.time() + 7200)) == []
    look(runs.instance, time.time() + 7200)
    assert runs.run(run_id).tags[WILL_RETRY_TAG] == "true"


@pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")
@pytest.mark.parametrize("status", [BulkActionStatus.REQUESTED, BulkActionStatus.COMPLETED_FAILED, None])
def test_a_promise_to_a_backfill_ends_with_it(runs: Launching, status: BulkActionStatus | None) -> None:
    """Dagster starts nothing of it anew then, and leaves the promise standing."""
    if status is not None:
        runs.instance.add_backfill(
            PartitionBackfill(
                backfill_id="one", status=status, from_failure=False, tags={}, backfill_timestamp=time.time()
            )
        )
    run_id = lost(runs, {WILL_RETRY_TAG: "true", BACKFILL_ID_TAG: "one"}, ORIGIN)
    hear(runs)
    look(runs.instance, time.time())
    kept = EndStatus.PENDING if status is BulkActionStatus.REQUESTED else EndStatus.FAILED
    assert run_status(runs.run(run_id), retries_enabled=True) is kept
    assert len(runs.instance.get_runs()) == 1


def test_a_run_that_was_created_and_never_queued_is_queued_once(runs: Launching) -> None:
    """As a database leaves it that takes no more writes in between: until it has begun nobody asks for its table."""
    run_id = runs.make(origin=ORIGIN)
    record = runs.instance.get_run_record_by_id(run_id)
    assert record is not None
    created_at = record.create_timestamp.timestamp()
    look(runs.instance, created_at + UNSUBMITTED_SECONDS - 1)
    assert runs.run(run_id).status is dg.DagsterRunStatus.NOT_STARTED
    for _ in range(2):
        look(runs.instance, created_at + UNSUBMITTED_SECONDS + 1)
    assert runs.run(run_id).status is dg.DagsterRunStatus.QUEUED
    assert len(runs.instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_ENQUEUED)) == 1
    assert "whoever created this run did not queue it within 60 s" in runs.said(run_id)


def test_it_is_left_to_another_who_watches(runs: Launching) -> None:
    run_id = runs.make(origin=ORIGIN)
    hold = take(folder_of(runs.instance), run_id)
    assert hold is not None
    look(runs.instance, time.time() + 7200)
    assert runs.run(run_id).status is dg.DagsterRunStatus.NOT_STARTED
    hold.end()


def test_a_run_of_the_command_line_is_never_queued(runs: Launching) -> None:
    """It is carried out where it was created."""
    runs.make()
    assert list(unsubmitted(runs.instance, time.time() + UNSUBMITTED_SECONDS + 1)) == []


def test_a_run_that_was_left_long_ago_is_not_queued_out_of_the_blue(runs: Launching) -> None:
    """As in an instance of an earlier release, where nobody waits for it any more."""
    runs.make(origin=ORIGIN)
    assert len(list(unsubmitted(runs.instance, time.time() + UNSUBMITTED_SECONDS + 1))) == 1
    assert list(unsubmitted(runs.instance, time.time() + 7200)) == []


def hear(runs: Launching) -> None:
    """Let Dagster's daemon hear of the runs that have failed."""
    with WorkspaceProcessContext(runs.instance, EmptyWorkspaceTarget()) as workspace:
        list(EventLogConsumerDaemon().run_iteration(workspace))


def lost(runs: Launching, tags: dict[str, str], origin: object = None) -> str:
    """A run that was lost, and that Dagster failed to start anew."""
    run_id = runs.make(origin=origin)
    allow_restart(runs.instance, runs.run(run_id))
    runs.instance.report_run_failed(runs.run(run_id))
    runs.instance.add_run_tags(run_id, {WILL_RETRY_TAG: "false", **tags})
    return run_id
