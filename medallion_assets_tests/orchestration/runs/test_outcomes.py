"""What became of the stages of a run whose process ended in the middle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData, StepSuccessData  # what a real step tells; not public

from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.runs.outcomes import done_without_row, finished_run, stage_ends
from medallion_assets.triggers.run_if import EndStatus


@dg.asset
def before() -> None:
    """Made before the end."""


@dg.asset(deps=[before])
def cut_off() -> None:
    """At work when the process ends."""


@dg.asset(deps=[cut_off])
def never() -> None:
    """Not begun by then."""


DEFINITIONS = dg.Definitions(assets=[before, cut_off, never], jobs=[dg.define_asset_job("work")])


@pytest.fixture
def run(dagster_instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run that made one asset and is at work on the next."""
    job = DEFINITIONS.resolve_job_def("work")
    started = dagster_instance.create_run_for_job(job_def=job)
    kind, made = dg.DagsterEventType, StepMaterializationData(dg.AssetMaterialization("before"))
    for step, event, data in (
        ("before", kind.STEP_START, None),
        ("before", kind.ASSET_MATERIALIZATION, made),
        ("before", kind.STEP_SUCCESS, StepSuccessData(duration_ms=1.0)),
        ("cut_off", kind.STEP_START, None),
    ):
        told = dg.DagsterEvent(event.value, job_name="work", step_key=step, event_specific_data=data)
        dagster_instance.report_dagster_event(told, started.run_id)
    return started


def statuses(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, EndStatus]:
    ended = finished_run(instance, run.run_id)
    return {asset: end.status for asset, end in stage_ends(instance, ended).items()}


def test_a_killed_process_fails_what_it_was_at_and_skips_the_rest(
    dagster_instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    dagster_instance.report_run_failed(run, "its process is gone")
    expected = {"before": EndStatus.SUCCEEDED, "cut_off": EndStatus.FAILED, "never": EndStatus.SKIPPED}
    assert statuses(dagster_instance, run) == expected


def test_what_a_person_ended_did_not_fail(dagster_instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    dagster_instance.report_run_canceled(run)
    expected = {"before": EndStatus.SUCCEEDED, "cut_off": EndStatus.SKIPPED, "never": EndStatus.SKIPPED}
    assert statuses(dagster_instance, run) == expected


def test_a_run_at_work_cannot_be_looked_into(dagster_instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    with pytest.raises(PermanentError, match=r"found: a run that is NOT_STARTED; what to do: .* wait until"):
        finished_run(dagster_instance, run.run_id)


def test_a_stage_that_leaves_no_rows_or_a_job_is_done_when_dagster_knows_of_a_later_success(
    dagster_instance: dg.DagsterInstance,
) -> None:
    began = datetime.now(UTC) - timedelta(minutes=1)
    assert [done_without_row(dagster_instance, stage, "work", began) for stage in ("before", "work")] == [None, None]
    assert DEFINITIONS.resolve_job_def("work").execute_in_process(instance=dagster_instance).success
    ended = datetime.now(UTC)
    for stage in ("before", "work"):
        at = done_without_row(dagster_instance, stage, "work", began)
        assert at is not None
        assert began < at <= ended
        assert done_without_row(dagster_instance, stage, "work", ended) is None
