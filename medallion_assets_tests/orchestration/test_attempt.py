"""Whatever becomes of an attempt of a stage, there is a row that tells it.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError, QualityGateError, TransientError, UnreadableTableError
from medallion_assets.operations.tables.expectation_results import ExpectationResult, read_results
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS, read_attempts
from medallion_assets.orchestration.attempt import Attempt
from medallion_assets.orchestration.reporting import check, check_specs
from medallion_assets.orchestration.trigger_context import TRIGGER_TAG
from medallion_assets.stages.work import Repeating
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.instances import MONITORED, NO_TIME
from medallion_assets_tests.pipeline import CATALOG, lakehouse_at
from medallion_assets_tests.services.processes import REPOSITORY

THINGS = Table(name="silver.things", description="Things.", columns=(Column("name", Text(), "its name"),))
REPORTED = dg.MaterializeResult[None](
    metadata={"rows_in": 5, "rows_out": 4, "rows_quarantined": 1, "quality_score": 0.8, "table_version": 3, "more": "x"}
)
Body = Callable[[Attempt], Iterator[Any]]


@dataclass
class Flow:
    """A stage with a body that a test gives, run by Dagster; its step may be tried `retries` times more."""

    folder: Path
    instance: dg.DagsterInstance
    result: dg.ExecuteInProcessResult | None = None
    downstream: list[str] = field(default_factory=list)

    def run(self, body: Body, *, retries: int = 0, repetitions: int = 0, **options: Any) -> list[dict[str, Any]]:
        """Run it; the rows of operations.pipeline_runs."""

        @dg.asset(
            key=["silver", "things"],
            check_specs=check_specs(THINGS, {"sound": "It is.", "nice": "It is."}, blocking={"sound"}),
            **options.pop("asset", {}),
        )
        def things(context: dg.AssetExecutionContext) -> Iterator[Any]:
            with resource.attempt(context, THINGS, Limits(retries=retries)) as attempt:
                yield from body(attempt)

        @dg.asset(deps=[things])
        def after() -> None:
            self.downstream.append("after")

        lake, no_wait = (
            Lakehouse(url=str(self.folder), catalog=CATALOG),
            {"first_wait_seconds": 0, "step_retry_seconds": 0},
        )
        resource = resource_of(lake, repetitions=repetitions, **no_wait)
        selection = None if "tags" not in options else [things]
        self.result = dg.materialize(
            [things, after], instance=self.instance, raise_on_error=False, selection=selection, **options
        )
        return read_attempts(lakehouse_at(self.folder)).to_dicts()


@pytest.fixture
def flow(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> Flow:
    return Flow(tmp_path / "lakehouse", dagster_instance)


def sound(*, passed: bool, name: str = "sound", **figures: str) -> dg.AssetCheckResult:
    return check(THINGS, name, passed=passed, **figures)


def judged(attempt: Attempt) -> ExpectationResult:
    return ExpectationResult(
        run_id=attempt.context.run.run_id,
        judged_at=attempt.now,
        table_name="silver.things",
        export_id="e1",
        expectation="rule",
        kind="expect",
        passed=4,
        failed=1,
        is_published=True,
    )


def well(attempt: Attempt) -> Iterator[Any]:
    attempt.judged([judged(attempt)])
    yield from attempt.checked([sound(passed=True), sound(passed=False, name="nice")])
    yield attempt.report(REPORTED)


def test_a_success_tells_its_figures(flow: Flow) -> None:
    (row,) = flow.run(well)
    assert flow.result is not None
    assert flow.result.success
    assert flow.downstream == ["after"]
    assert (row["stage"], row["outcome"], row["error"], row["attempt"]) == ("silver.things", "succeeded", None, 1)
    assert (row["records_in"], row["records_out"], row["records_quarantined"]) == (5, 4, 1)
    assert (row["quality_score"], row["table_version"]) == (0.8, 3)
    assert (row["run_id"], row["job"]) == (flow.result.run_id, flow.result.job_def.name)
    assert (row["partition"], row["trigger"]) == (None, None)
    assert 0 < row["duration_seconds"] < 60
    assert row["peak_memory_bytes"] > 10_000_000
    (result,) = read_results(lakehouse_at(flow.folder)).to_dicts()
    assert (result["run_id"], result["failed"]) == (flow.result.run_id, 1)


@pytest.mark.parametrize(("last", "told"), [("2025-05-02", "2025-05-01...2025-05-02"), ("2025-05-01", "2025-05-01")])
def test_a_row_names_its_days_and_what_asked_for_it(flow: Flow, last: str, told: str) -> None:
    tags = {
        "dagster/asset_partition_range_start": "2025-05-01",
        "dagster/asset_partition_range_end": last,
        TRIGGER_TAG: "restated",
    }
    days = dg.DailyPartitionsDefinition("2025-05-01", end_date="2025-05-05")
    (row,) = flow.run(well, asset={"partitions_def": days}, tags=tags)
    assert (row["partition"], row["trigger"]) == (told, "restated")


def test_what_is_permanent_is_tried_once(flow: Flow) -> None:
    tried = []

    def body(attempt: Attempt) -> Iterator[Any]:
        def work() -> None:
            tried.append(1)
            raise PermanentError("table t is wrong", do="correct it")

        yield attempt.report(attempt.repeat(work))

    (row,) = flow.run(body, retries=2, repetitions=3)
    assert len(tried) == 1
    assert (row["outcome"], row["error"]) == ("failed", "table t is wrong; what to do: correct it")
    assert (row["records_in"], flow.downstream) == (None, [])


def test_what_is_transient_is_repeated_in_the_step_and_then_by_dagster(flow: Flow) -> None:
    """Each try of the step is a row; the last one succeeds."""
    tried: list[int] = []

    def body(attempt: Attempt) -> Iterator[Any]:
        def work() -> None:
            tried.append(attempt.context.retry_number + 1)
            if len(tried) < 6:
                raise TransientError(f"try {len(tried)}")

        attempt.repeat(work)
        yield from well(attempt)

    rows = flow.run(body, retries=2, repetitions=1)
    assert tried == [1, 1, 2, 2, 3, 3]
    assert [(row["attempt"], row["outcome"], row["error"]) for row in rows] == [
        (1, "failed", "try 2"),
        (2, "failed", "try 4"),
        (3, "succeeded", None),
    ]


def test_waits_double_from_30_seconds() -> None:
    """Three repetitions, with jitter; each is told with its error."""
    waits: list[float] = []
    told: list[str] = []

    def work() -> None:
        raise TransientError("no answer")

    with pytest.raises(TransientError):
        Repeating().run(work, told.append, sleep=waits.append)
    assert [first <= wait <= first + 15 for first, wait in zip((30, 60, 120), waits, strict=True)] == [True] * 3
    assert told == [f"repetition {n} of 3 in {wait:.0f} s: no answer" for n, wait in enumerate(waits, start=1)]


def test_a_failed_gate_tells_what_was_published_before(flow: Flow) -> None:
    def body(attempt: Attempt) -> Iterator[Any]:
        yield from well(attempt)
        raise QualityGateError("export e2 failed the quality gate", found="0.9", export_id="e2")

    (row,) = flow.run(body, retries=2)
    assert (row["outcome"], row["error"]) == ("failed", "export e2 failed the quality gate; found: 0.9")
    assert row["error_kind"] == "QualityGateError: export e2 failed the quality gate"
    assert row["export_id"] == "e2"
    assert (row["records_in"], row["records_out"], row["table_version"]) == (5, 4, 3)
    assert read_results(lakehouse_at(flow.folder)).height == 1


def test_a_blocking_check_that_failed_makes_a_failed_attempt(flow: Flow) -> None:
    """As it does for Dagster, which tells nobody within the step."""

    def body(attempt: Attempt) -> Iterator[Any]:
        yield from attempt.checked([sound(passed=False, found="9 of 10")])
        yield attempt.report(REPORTED)

    (row,) = flow.run(body)
    assert flow.result is not None
    assert (flow.result.success, flow.downstream) == (False, [])
    assert (row["outcome"], row["records_in"]) == ("failed", 5)
    assert "blocking checks failed: sound (9 of 10); what to do: " in row["error"]
    assert row["error_kind"] == "failed checks: sound"


def test_a_bug_is_told_by_its_name(flow: Flow) -> None:
    def body(_attempt: Attempt) -> Iterator[Any]:
        yield from ()
        raise AssertionError

    (row,) = flow.run(body)
    assert (row["outcome"], row["error"], row["error_kind"]) == ("failed", "AssertionError", "AssertionError")


@pytest.mark.parametrize(
    ("work", "said"),
    [
        pytest.param(lambda: pl.repeat(1, 2**61, eager=True), "a native library failed", id="a panic"),
        pytest.param(lambda: bytearray(2**62), "out of memory", id="memory"),
    ],
)
def test_a_native_failure_is_a_failed_attempt_and_is_left_to_another_process(
    flow: Flow, work: Callable[[], object], said: str
) -> None:
    """A panic is no end of the process, which would count as canceled; its retries would meet the same heap."""
    tried = []

    def body(attempt: Attempt) -> Iterator[Any]:
        tried.append(1)
        attempt.repeat(work)
        yield from well(attempt)

    (row,) = flow.run(body, retries=2, repetitions=3)
    assert flow.result is not None
    assert (row["outcome"], len(tried), flow.downstream) == ("failed", 1, [])
    assert row["error"].startswith(f"silver.things: {said}; found: ")
    assert "what to do: " in row["error"]
    assert not flow.result.success


@pytest.mark.parametrize(("tags", "outcome", "kind"), [({}, "canceled", None), (NO_TIME, "timed out", "time limit")])
def test_a_run_that_is_ended_tells_why(tmp_path: Path, tags: dict[str, str], outcome: str, kind: str | None) -> None:
    """A person's cancel is no failure; a time limit is."""

    def body(attempt: Attempt) -> Iterator[Any]:
        yield from attempt.checked([sound(passed=True)])
        attempt.context.instance.report_run_canceling(attempt.context.run, message="so it is")
        raise dg.DagsterExecutionInterruptedError

    with dg.DagsterInstance.ephemeral(settings=MONITORED) as instance:
        (row,) = Flow(tmp_path, instance).run(body, retries=2, tags=tags)
    assert (row["outcome"], row["error"], row["error_kind"]) == (outcome, "the run was ended; so it is", kind)


@pytest.mark.slow
@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_end_is_not_tried_again(tmp_path: Path, ended_by: signal.Signals) -> None:
    """Whatever retries the table has: the run is over, and another may write the table."""
    command = [sys.executable, "-m", __name__, str(tmp_path), str(int(ended_by))]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=180, capture_output=True)
    (row,) = read_attempts(lakehouse_at(tmp_path)).to_dicts()
    assert (row["outcome"], row["error"], row["attempt"]) == ("canceled", "the run was ended", 1)


def test_a_lakehouse_that_cannot_be_written_fails_nothing(flow: Flow) -> None:
    """It is told in the run's log."""
    flow.folder.write_text("a file stands where the lakehouse should")
    with pytest.raises(UnreadableTableError, match="the file"):
        flow.run(well)  # who reads the rows afterwards is told what is in the way
    assert flow.result is not None
    assert flow.result.success
    logged = [entry.user_message for entry in flow.instance.all_logs(flow.result.run_id)]
    assert any(f"{PIPELINE_RUNS.name} lacks this attempt" in message for message in logged)


def sends_itself(number: int) -> Body:
    """A stage that is at work when its process is told to end."""

    def body(attempt: Attempt) -> Iterator[Any]:
        yield from attempt.checked([sound(passed=True)])
        attempt.repeat(lambda: signal.raise_signal(number))

    return body


if __name__ == "__main__":
    with dg.DagsterInstance.ephemeral() as ephemeral:
        Flow(Path(sys.argv[1]), ephemeral).run(sends_itself(int(sys.argv[2])), retries=2)
