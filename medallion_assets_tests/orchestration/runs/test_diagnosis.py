"""A diagnosis takes errors and bad rows as the run left them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import dagster as dg
import pytest

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.operations.tables.incident import Incident
from medallion_assets.orchestration.reporting import metadata, stage_errors
from medallion_assets.orchestration.runs.diagnosis import ERROR_CHARACTERS, FRAMEWORK_DO, diagnose
from medallion_assets.orchestration.runs.ends import note_kind
from medallion_assets.orchestration.trigger_context import CAUSE_TAG, ArrivedBatch, TriggerContext
from medallion_assets.stages.figures import as_table
from medallion_assets_tests.instances import MONITORED, NO_TIME

NOW = datetime(2025, 5, 8, tzinfo=UTC)
STAGE = dg.AssetKey(["gold", "daily_sales_summary"])


def incidents_of(
    instance: dg.DagsterInstance, error: BaseException, *, cause: BaseException | None = None, retried: bool = False
) -> list[Incident]:
    """What is found out about a run whose one stage raises an error, perhaps after a step's own retries."""

    def fail() -> None:
        raise error from cause

    @dg.asset(key=STAGE)
    def stage() -> None:
        try:
            with stage_errors():
                fail()
        except Exception as failure:
            if retried:
                raise dg.RetryRequested(max_retries=0) from failure
            raise

    return incidents_in(instance, stage)


def incidents_in(instance: dg.DagsterInstance, stage: dg.AssetsDefinition) -> list[Incident]:
    """What is found out about a run of one stage."""
    result = dg.materialize([stage], instance=instance, raise_on_error=False, tags={"dagster/partition": "2025-05-07"})
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    return diagnose(instance, run, now=NOW)


@pytest.mark.parametrize("retried", [False, True])
@pytest.mark.parametrize("kind", [PermanentError, TransientError])
def test_an_error_of_this_project_is_told_in_its_parts(
    dagster_instance: dg.DagsterInstance, kind: type[PermanentError | TransientError], retried: bool
) -> None:
    """Also when the step's retries are used up, and when another error was its cause."""
    error = kind("no", where="gold.x", expected="a; b", found=3, do="this; that", export_id="e1")
    (incident,) = incidents_of(dagster_instance, error, cause=OSError("disk"), retried=retried)
    assert (incident.error, incident.headline) == (str(error), "gold.x: no")
    assert (incident.expected, incident.found, incident.do) == ("a; b", "3", "this; that")
    assert (incident.error_kind, incident.export_id) == (f"{kind.__name__}: gold.x: no", "e1")
    assert (incident.stage, incident.partition, incident.raised_at) == ("gold.daily_sales_summary", "2025-05-07", NOW)
    assert (incident.last_good_version, incident.sample, incident.failed_checks) == (None, None, None)


@pytest.mark.parametrize("retried", [False, True])
def test_any_other_error_is_told_by_its_type_and_words(dagster_instance: dg.DagsterInstance, retried: bool) -> None:
    """Its own, and neither those of what caused it nor what Dagster puts around it."""
    (incident,) = incidents_of(dagster_instance, KeyError("amount"), cause=ValueError("inner"), retried=retried)
    assert (incident.headline, incident.expected, incident.do) == ("KeyError: 'amount'", None, None)
    assert (incident.error_kind, incident.export_id) == ("KeyError", None)


def test_a_long_error_is_cut_and_keeps_what_to_do(dagster_instance: dg.DagsterInstance) -> None:
    (incident,) = incidents_of(dagster_instance, PermanentError("x" * ERROR_CHARACTERS * 2, found="y", do="mend it"))
    assert len(incident.error) == len(incident.headline) == ERROR_CHARACTERS
    assert (incident.found, incident.do) == ("y", "mend it")


def test_words_that_look_like_parts_are_no_parts(dagster_instance: dg.DagsterInstance) -> None:
    error = PermanentError("table t; found: nothing; what to do: wait", found="a; what to do: b", do="look")
    (incident,) = incidents_of(dagster_instance, error)
    assert incident.headline == "table t; found: nothing; what to do: wait"
    assert (incident.found, incident.do) == ("a; what to do: b", "look")


def test_a_run_of_the_release_before_is_told_by_its_whole_text(dagster_instance: dg.DagsterInstance) -> None:
    """Its failure has no headline of its own, and its check shows rows as text."""
    spec = dg.AssetCheckSpec("gate", asset=STAGE)

    @dg.asset(key=STAGE, check_specs=[spec])
    def stage() -> Iterator[dg.AssetCheckResult]:
        figures = {"export_id": "e1", "sample": dg.MetadataValue.md("| raw |\n| --- |\n| x |")}
        yield dg.AssetCheckResult(passed=False, metadata=figures)
        raise dg.Failure("t: no; found: 3; what to do: look", metadata={"found": "3", "what to do": "look"})

    (incident,) = incidents_in(dagster_instance, stage)
    assert incident.headline == incident.error == "t: no; found: 3; what to do: look"
    assert (incident.found, incident.do, incident.export_id) == ("3", "look", "e1")
    assert json.loads(incident.sample or "") == [{"rows": "| raw |\n| --- |\n| x |"}]
    assert "sample" not in (incident.failed_checks or "")


def test_a_failure_of_the_release_before_has_its_place_in_what(dagster_instance: dg.DagsterInstance) -> None:
    @dg.asset(key=STAGE)
    def stage() -> None:
        raise dg.Failure("t: no; found: 3", metadata={"what": "t: no", "found": "3", "kind": "PermanentError: t: no"})

    (incident,) = incidents_in(dagster_instance, stage)
    assert (incident.headline, incident.found, incident.do) == ("t: no", "3", None)
    assert incident.error_kind == "PermanentError: t: no"


def test_the_bad_rows_of_a_check_are_taken_as_they_are(dagster_instance: dg.DagsterInstance) -> None:
    rows = [{"raw": '{"a": "x|y"}', "reason": "bad\\|"}, {"raw": "", "reason": "| |"}]

    @dg.asset(key=STAGE, check_specs=[dg.AssetCheckSpec("gate", asset=STAGE)])
    def stage() -> Iterator[dg.AssetCheckResult]:
        yield dg.AssetCheckResult(passed=False, metadata=metadata({"sample": as_table(rows)}))
        raise dg.Failure("no")

    (incident,) = incidents_in(dagster_instance, stage)
    assert json.loads(incident.sample or "") == rows


def test_a_run_without_stages_is_told_by_its_job(dagster_instance: dg.DagsterInstance) -> None:
    @dg.op
    def breaks() -> None:
        raise RuntimeError

    @dg.job
    def chores() -> None:
        breaks()

    run_id = chores.execute_in_process(instance=dagster_instance, raise_on_error=False).run_id
    run = dagster_instance.get_run_by_id(run_id)
    assert run is not None
    (incident,) = diagnose(dagster_instance, run, now=NOW)
    assert (incident.stage, incident.job) == ("chores", "chores")
    assert "breaks" in incident.error


@pytest.mark.parametrize(("tags", "kind"), [({}, None), (NO_TIME, "time limit")])
def test_a_step_that_was_told_to_end_has_the_kind_that_its_row_has(tags: dict[str, str], kind: str | None) -> None:
    with dg.DagsterInstance.ephemeral(settings=MONITORED) as instance:

        @dg.asset(key=STAGE)
        def stage() -> None:
            instance.report_run_canceling(instance.get_runs()[0])
            raise dg.DagsterExecutionInterruptedError

        with suppress(dg.DagsterExecutionInterruptedError):
            dg.materialize([stage], instance=instance, raise_on_error=False, tags=tags)
        (run,) = instance.get_runs()
        instance.report_run_failed(run)
        (incident,) = diagnose(instance, instance.get_runs()[0], now=NOW)
        assert incident.error_kind == kind


@pytest.mark.parametrize(
    ("kind", "is_memory_named"), [("lost process", True), ("time limit", False), ("unexplained end", True)]
)
def test_a_run_that_could_not_speak_for_itself_says_what_to_look_at(
    dagster_instance: dg.DagsterInstance, kind: str, is_memory_named: bool
) -> None:
    """Memory, first of all: who is killed for it leaves no error."""
    stage = dg.AssetsDefinition.from_op(dg.op(name="stage")(lambda: None), key_prefix=STAGE.path[0])
    job = dg.Definitions([stage]).resolve_implicit_global_asset_job_def()
    run = dagster_instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    if kind != "unexplained end":
        note_kind(dagster_instance, run, kind)
    dagster_instance.report_run_failed(run, "it is over")
    failed = dagster_instance.get_run_by_id(run.run_id)
    assert failed is not None
    (incident,) = diagnose(dagster_instance, failed, now=NOW)
    assert incident.headline == "it is over"
    assert incident.error_kind == kind
    assert ("memory" in (incident.do or ""), "max_concurrent_runs" in (incident.do or "")) == (
        is_memory_named,
        is_memory_named,
    )


def test_an_incident_names_what_its_own_stage_was_asked_for(dagster_instance: dg.DagsterInstance) -> None:
    """A run may be for several tables: its tag names the exports of all."""

    @dg.asset(key=STAGE, config_schema=dg.Field(dg.Permissive(), is_required=False))
    def stage() -> None:
        raise ValueError

    why = TriggerContext(trigger="file_arrival", exports=[ArrivedBatch(export_id="mine")])
    for op, named in [({"config": {"trigger": why.run_config()}}, "mine"), ({}, "1 of mine: mine; 1 of yours: yours")]:
        result = dg.materialize(
            [stage],
            instance=dagster_instance,
            raise_on_error=False,
            tags={CAUSE_TAG: "1 of mine: mine; 1 of yours: yours"},
            run_config={"ops": {STAGE.to_python_identifier(): op}},
        )
        run = dagster_instance.get_run_by_id(result.run_id)
        assert run is not None
        (incident,) = diagnose(dagster_instance, run, now=NOW)
        assert incident.cause == named


def test_a_step_that_makes_several_tables_is_one_incident_with_the_checks_of_all(
    dagster_instance: dg.DagsterInstance,
) -> None:
    """Of the table that the step is called like; so the row of its attempt is."""
    dimension = dg.AssetKey(["gold", "dimension"])

    @dg.multi_asset(
        name=STAGE.to_python_identifier(),
        specs=[dg.AssetSpec(dimension), dg.AssetSpec(STAGE)],
        check_specs=[dg.AssetCheckSpec("one_row", asset=dimension)],
    )
    def models() -> Iterator[dg.AssetCheckResult]:
        yield dg.AssetCheckResult(asset_key=dimension, check_name="one_row", passed=False)
        raise ValueError("no")

    (incident,) = incidents_in(dagster_instance, models)
    assert (incident.stage, incident.headline, incident.found) == ("gold.daily_sales_summary", "ValueError: no", None)
    assert [check["check"] for check in json.loads(incident.failed_checks or "")] == ["one_row"]


def test_an_error_that_dagster_met_outside_of_the_stages_is_told_and_no_lost_process(
    dagster_instance: dg.DagsterInstance,
) -> None:
    @dg.resource
    def vault() -> None:
        raise ConnectionError("no answer")

    @dg.asset(key=STAGE, required_resource_keys={"vault"})
    def stage() -> None:
        """Never begins."""

    result = dg.materialize([stage], resources={"vault": vault}, instance=dagster_instance, raise_on_error=False)
    run = dagster_instance.get_run_by_id(result.run_id)
    assert run is not None
    (incident,) = diagnose(dagster_instance, run, now=NOW)
    assert (incident.headline, incident.error_kind, incident.do) == (
        "ConnectionError: no answer",
        "ConnectionError",
        FRAMEWORK_DO,
    )
