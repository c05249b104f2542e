"""Attempts whose process could not tell of them: found in Dagster's events, each given one row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.policies import Limits
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import TransientError
from medallion_assets.operations.stages import REFRESH
from medallion_assets.operations.tables.pipeline_runs import (
    LOST_PROCESS,
    PIPELINE_RUNS,
    Outcome,
    StageAttempt,
    failed_checks,
    read_attempts,
    record_attempts,
)
from medallion_assets.orchestration.reporting import asset_key, stage_errors, step_retries
from medallion_assets.orchestration.runs.diagnosis import diagnose
from medallion_assets.orchestration.runs.ends import note_kind
from medallion_assets.orchestration.runs.lost_attempts import (
    LOOK_BACK,
    RunEnd,
    StepEvent,
    lost_attempts,
    record_lost_attempts,
    record_recently_lost,
)
from medallion_assets.orchestration.trigger_context import TRIGGER_TAG
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA

AT = datetime(2025, 5, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SILVER = "silver.customers"
RUN = dg.DagsterRun(run_id="r1", job_name="refine", tags={TRIGGER_TAG: "restated"})
END = RunEnd(at=AT + 60 * SECOND, kind="lost process", said="Lost: process 7 of this run is gone from host.")


def began(seconds: int, stage: str = SILVER) -> StepEvent:
    return StepEvent(stage=stage, at=AT + seconds * SECOND)


def ended(seconds: int, outcome: Outcome, error: str | None = None) -> StepEvent:
    return StepEvent(stage=SILVER, at=AT + seconds * SECOND, outcome=outcome, error=error)


# Decision


def test_an_attempt_without_an_end_was_lost() -> None:
    (row,) = lost_attempts(RUN, END, [began(10)], known=())
    assert row == StageAttempt(
        run_id="r1",
        job="refine",
        stage=SILVER,
        attempt=1,
        trigger="restated",
        started_at=AT + 10 * SECOND,
        duration_seconds=50.0,
        outcome=Outcome.LOST,
        error="its process ended without an error message; Dagster says: Lost: process 7 of this run is gone from "
        "host.",
        error_kind="lost process",
    )
    (late,) = lost_attempts(RUN, replace(END, kind="time limit"), [began(10)], known=())
    assert (late.outcome, late.error_kind) == (Outcome.TIMED_OUT, "time limit")


def test_what_a_person_ended_has_no_kind_of_failure() -> None:
    """Also when its process had to be killed for it."""
    run, canceled = RUN.with_status(dg.DagsterRunStatus.CANCELED), ended(20, Outcome.CANCELED, "interrupted")
    killed, told = (lost_attempts(run, END, events, known=())[0] for events in ([began(1)], [began(1), canceled]))
    assert [(row.outcome, row.error_kind) for row in (killed, told)] == [(Outcome.LOST, None), (Outcome.CANCELED, None)]


def test_a_step_that_its_time_limit_ended_timed_out() -> None:
    end = replace(END, kind="time limit", interrupt="time limit")
    (row,) = lost_attempts(RUN, end, [began(1), ended(20, Outcome.CANCELED, "interrupted")], known=())
    assert (row.outcome, row.error_kind) == (Outcome.TIMED_OUT, "time limit")


def test_only_what_has_no_row_is_told() -> None:
    """The first attempt failed and told so; the second was killed; another stage was not recorded at all."""
    events = [began(1), ended(2, Outcome.FAILED, "no"), began(3, "gold.t"), began(12)]
    found = lost_attempts(RUN, END, events, known={("r1", SILVER, 1), ("r0", SILVER, 2), ("r1", "silver.other", 2)})
    assert [(attempt.stage, attempt.attempt, attempt.duration_seconds) for attempt in found] == [
        (SILVER, 2, 48.0),
        ("gold.t", 1, 57.0),
    ]
    assert lost_attempts(RUN, END, events, known={("r1", SILVER, 1), ("r1", SILVER, 2), ("r1", "gold.t", 1)}) == []


def test_what_dagster_saw_end_was_not_lost() -> None:
    """Its row could not be written; it says how it ended, and what Dagster knows of that."""
    events = [began(1), ended(2, Outcome.FAILED, "disk full"), began(12), ended(20, Outcome.SUCCEEDED)]
    first, second = lost_attempts(RUN, END, events, known=())
    assert (first.outcome, first.duration_seconds) == (Outcome.FAILED, 1.0)
    assert first.error == "the attempt ended, and its row could not be written; Dagster says: disk full"
    assert (second.outcome, second.error, second.duration_seconds) == (Outcome.SUCCEEDED, None, 8.0)


def test_clocks_that_disagree_make_no_negative_duration() -> None:
    (row,) = lost_attempts(RUN, END, [began(61)], known=())
    assert row.duration_seconds == 0.0


# With Dagster


@dg.asset(key=["silver", "customers"])
def customers() -> None:
    raise ValueError("disk full")


@dg.asset(key=["operations", "dashboard"])
def dashboard() -> None:
    raise ValueError("no page")


def failed_run(instance: dg.DagsterInstance, asset: dg.AssetsDefinition, **tags: str) -> dg.DagsterRun:
    """A run whose stage told nobody: these assets write no rows."""
    result = dg.materialize([asset], instance=instance, raise_on_error=False, tags=tags)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    return run


def killed_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run whose process was killed at work: Dagster has the step's start and, later, the end of the run."""
    job = dg.Definitions([customers]).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job)
    note_kind(instance, run, LOST_PROCESS)
    instance.report_run_failed(run, "process 7 of this run is gone")
    began = dg.DagsterEvent(dg.DagsterEventType.STEP_START.value, run.job_name, step_key="silver__customers")
    instance.report_dagster_event(began, run_id=run.run_id)
    reloaded = instance.get_run_by_id(run.run_id)
    assert reloaded is not None
    return reloaded


def test_a_killed_run_leaves_a_lost_attempt(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    run = killed_run(dagster_instance)
    assert record_lost_attempts(lakehouse, dagster_instance, run) == 1
    (row,) = read_attempts(lakehouse).to_dicts()
    assert (row["run_id"], row["stage"], row["attempt"], row["outcome"]) == (run.run_id, SILVER, 1, "lost")
    assert row["error_kind"] == LOST_PROCESS
    assert row["error"] == "its process ended without an error message; Dagster says: process 7 of this run is gone"
    assert abs(row["started_at"] - datetime.now(UTC)) < timedelta(minutes=5)


def test_looking_again_adds_nothing(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    run = killed_run(dagster_instance)
    counts = [record_lost_attempts(lakehouse, dagster_instance, run) for _ in range(2)]
    assert counts == [1, 0]
    assert lakehouse.open(PIPELINE_RUNS).version == 1


def test_an_attempt_that_told_of_itself_keeps_its_row(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    run = killed_run(dagster_instance)
    now = datetime.now(UTC)
    own = StageAttempt(
        run_id=run.run_id, stage=SILVER, attempt=1, started_at=now, duration_seconds=1.0, outcome=Outcome.CANCELED
    )
    record_attempts(lakehouse, [own])
    assert record_lost_attempts(lakehouse, dagster_instance, run) == 0
    assert read_attempts(lakehouse)["outcome"].to_list() == ["canceled"]


def test_a_failed_step_without_a_row_tells_its_error(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    tags = {
        "dagster/asset_partition_range_start": "2025-05-01",
        "dagster/asset_partition_range_end": "2025-05-03",
        TRIGGER_TAG: "schedule",
    }
    record_lost_attempts(lakehouse, dagster_instance, failed_run(dagster_instance, customers, **tags))
    (row,) = read_attempts(lakehouse).to_dicts()
    assert row["outcome"] == "failed"
    assert "disk full" in row["error"]
    assert (row["partition"], row["trigger"]) == ("2025-05-01...2025-05-03", "schedule")


def test_an_attempt_that_is_tried_again_has_the_error_that_it_was_tried_again_for(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    """Not what Dagster and the assets put around it."""

    @dg.asset(key=["silver", "customers"])
    def unlucky() -> None:
        with step_retries(Limits(), attempt=1, first_wait_seconds=0.0), stage_errors():
            raise TransientError("the store did not answer") from OSError("timed out")

    record_lost_attempts(lakehouse, dagster_instance, failed_run(dagster_instance, unlucky))
    rows = read_attempts(lakehouse).to_dicts()
    assert len(rows) == Limits().retries + 1
    assert all(row["error"].endswith("the store did not answer") for row in rows)
    assert [row["error_kind"] for row in rows] == [
        *["TransientError"] * Limits().retries,  # Dagster keeps no metadata of what asks to be tried again
        "TransientError: the store did not answer",
    ]


def test_a_step_that_failed_on_its_checks_names_them_as_its_own_row_would(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    key = dg.AssetKey(["silver", "customers"])
    specs = [dg.AssetCheckSpec(name, asset=key, blocking=name != "nice") for name in ("nice", "sound", "whole")]

    @dg.asset(key=key, check_specs=specs)
    def unsound() -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        yield dg.MaterializeResult()
        yield from (dg.AssetCheckResult(check_name=name, passed=False) for name in ("whole", "sound", "nice"))

    run = failed_run(dagster_instance, unsound)
    record_lost_attempts(lakehouse, dagster_instance, run)
    (incident,) = diagnose(dagster_instance, run, now=AT)
    kinds = [*read_attempts(lakehouse)["error_kind"], incident.error_kind]
    assert kinds == [failed_checks(["sound", "whole"])] * 2 == ["failed checks: sound, whole"] * 2


def test_steps_that_are_no_stage_are_left_alone(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    assert record_lost_attempts(lakehouse, dagster_instance, failed_run(dagster_instance, dashboard)) == 0
    assert not lakehouse.exists(PIPELINE_RUNS)


def test_a_run_that_goes_on_is_left_alone(lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance) -> None:
    """Its process may still tell."""
    job = dg.Definitions([customers]).resolve_implicit_global_asset_job_def()
    run = dagster_instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    began = dg.DagsterEvent(dg.DagsterEventType.STEP_START.value, run.job_name, step_key="silver__customers")
    dagster_instance.report_dagster_event(began, run_id=run.run_id)
    assert record_lost_attempts(lakehouse, dagster_instance, run) == 0


def test_the_monitor_finds_what_no_sensor_saw(lakehouse: Lakehouse) -> None:
    """Every run of the days before that ended badly, and no older one."""
    with dg.DagsterInstance.ephemeral() as instance:
        runs = {killed_run(instance).run_id, killed_run(instance).run_id}
        now = datetime.now(UTC)
        assert record_recently_lost(lakehouse, instance, now + LOOK_BACK + timedelta(minutes=1)) == 0
        assert record_recently_lost(lakehouse, instance, now) == 2
        assert record_recently_lost(lakehouse, instance, now) == 0
    assert set(read_attempts(lakehouse)["run_id"]) == runs


def test_a_step_that_was_lost_and_tried_again_has_a_row_though_its_run_ended_well(tmp_path: Path) -> None:
    """Where each step has a process of its own, one may be lost while its run goes on."""
    lakehouse = Lakehouse(url=str(tmp_path), catalog=Catalog((STAR_SCHEMA,)))
    lost = iter([dg.RetryRequested(max_retries=1, seconds_to_wait=0)])

    @dg.asset(key=asset_key(CRM_CUSTOMERS))
    def silver() -> None:
        for error in lost:
            raise error

    refresh = dg.define_asset_job(STAR_SCHEMA.job(REFRESH), selection=dg.AssetSelection.assets(silver))
    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.Definitions([silver], jobs=[refresh]).resolve_job_def(STAR_SCHEMA.job(REFRESH))
        assert job.execute_in_process(instance=instance).success
        assert record_recently_lost(lakehouse, instance, datetime.now(UTC)) == 2
    rows = read_attempts(lakehouse).sort("attempt").select("stage", "attempt", "outcome").rows()
    assert rows == [(CRM_CUSTOMERS.name, 1, "failed"), (CRM_CUSTOMERS.name, 2, "succeeded")]
