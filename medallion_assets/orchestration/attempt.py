"""An attempt of a stage: what the body of an asset is handed, and the row that says what became of it.

Belongs here: what a stage reports, as Dagster's events, and one row of operations.pipeline_runs for each attempt.
Does not: any logic of a stage (stages), or where it runs (remote).
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import dagster as dg

from medallion_assets.contracts.coverage import parse_coverage
from medallion_assets.contracts.run_days import days_named
from medallion_assets.contracts.table import Table
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import MedallionError, MissingLakehouseError, kind_of
from medallion_assets.errors.native import native_failures
from medallion_assets.operations.tables.expectation_results import (
    EXPECTATION_RESULTS,
    ExpectationResult,
    record_results,
)
from medallion_assets.operations.tables.pipeline_runs import (
    PIPELINE_RUNS,
    Outcome,
    StageAttempt,
    failed_checks,
    record_attempts,
)
from medallion_assets.orchestration.partitions import report_days
from medallion_assets.orchestration.reporting import AssetEvent, check_result, materialization
from medallion_assets.orchestration.runs.ends import kind_of_interrupt
from medallion_assets.orchestration.trigger_context import TRIGGER_TAG
from medallion_assets.stages.reports import FOUND, AttemptFigures, Check, Made, Report, RuleResults
from medallion_assets.stages.work import Repeating, Result

FIGURES = {
    "rows_in": "records_in",
    "rows_out": "records_out",
    "rows_quarantined": "records_quarantined",
    "quality_score": "quality_score",
    "table_version": "table_version",
    "consumed_wcu": "consumed_wcu",
    "target_wcu": "target_wcu",
    "publishing_seconds": "publishing_seconds",
    "covered_until": "covered_until",
    "sources_covered_until": "sources_covered_until",
    "export_age_seconds": "export_age_seconds",
    "is_complete": "is_complete",
}
"""What a materialization's metadata calls the columns of operations.pipeline_runs."""
MOMENTS = ("covered_until", "sources_covered_until")
"""Columns with moments, which reports give as text: they may come from another machine."""
ENDING = dg.DagsterEventType.RUN_CANCELING


@dataclass(kw_only=True)
class Attempt:
    """One attempt of the stage that writes `table`, in one run."""

    context: dg.AssetExecutionContext
    table: Table
    lake: Lakehouse
    now: datetime
    repeating: Repeating = field(default_factory=Repeating)
    _began: float = field(default_factory=time.monotonic)
    _figures: dict[str, Any] = field(default_factory=dict)
    _others: dict[str, dict[str, Any]] = field(default_factory=dict)
    _results: list[ExpectationResult] = field(default_factory=list)
    _broken: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    def repeat(self, work: Callable[[], Result]) -> Result:
        """Do work that can be done twice without harm, and again while it fails transiently."""
        return self.repeating.run(work, self.context.log.warning)

    def events(self, reports: Iterable[Report]) -> Iterator[AssetEvent]:
        """What a stage reports, as events of Dagster; what stands in operations tables is kept until the end."""
        for report in reports:
            match report:
                case Check():
                    yield from self.checked([check_result(report)])
                case Made():
                    result = self.report(materialization(report))
                    report_days(self.context, report.partitions, result)
                    yield result
                case RuleResults():
                    self.judged(report.results)
                case AttemptFigures():
                    self.found(**report.figures)

    def report(self, result: dg.MaterializeResult[None]) -> dg.MaterializeResult[None]:
        """The result itself, whose figures go into the row of this attempt."""
        metadata = result.metadata or {}
        self._figures = {column: metadata[name] for name, column in FIGURES.items() if name in metadata}
        return result

    def report_other(self, table: Table, result: dg.MaterializeResult[None]) -> dg.MaterializeResult[None]:
        """The result of another table that the same step writes: it has a row of its own when the attempt succeeds."""
        metadata = result.metadata or {}
        self._others[table.name] = {column: metadata[name] for name, column in FIGURES.items() if name in metadata}
        return result

    def found(self, **figures: Any) -> None:
        """Columns of this attempt's row, over those that a materialization reported before."""
        self._figures |= figures

    def judged(self, results: Iterable[ExpectationResult]) -> None:
        """Rows for operations.expectation_results, written when the attempt ends."""
        self._results += results

    def checked(self, checks: Iterable[dg.AssetCheckResult]) -> Iterator[dg.AssetCheckResult]:
        """The checks themselves. One that blocks and failed makes this attempt a failed one, as it does the step."""
        blocking = {spec.name for spec in self.context.assets_def.check_specs if spec.blocking}
        for result in checks:
            if result.check_name in blocking and not result.passed and result.severity is dg.AssetCheckSeverity.ERROR:
                self._broken[str(result.check_name)] = _said(result)
            yield result

    def end(
        self, outcome: Outcome, error: str | None = None, *, kind: str | None = None, export_id: str | None = None
    ) -> None:
        """Write what became of the attempt. If it cannot be written, a warning says so, and nothing fails."""
        context = self.context
        row = StageAttempt(
            run_id=context.run.run_id,
            job=context.run.job_name,
            stage=self.table.name,
            attempt=context.retry_number + 1,
            partition=days_named(context.run.tags),
            trigger=context.run.tags.get(TRIGGER_TAG),
            started_at=self.now,
            duration_seconds=self.seconds,
            outcome=outcome,
            error=error,
            error_kind=kind,
            export_id=export_id,
            **{"peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, **_typed(self._figures)},
        )
        others = self._others if outcome is Outcome.SUCCEEDED else {}
        shared = replace(row, export_age_seconds=None)  # one figure for all tables of a step
        rows = [row, *(replace(shared, stage=stage, **_typed(figures)) for stage, figures in others.items())]
        self._write(PIPELINE_RUNS, lambda: record_attempts(self.lake, rows))
        self._write(EXPECTATION_RESULTS, lambda: record_results(self.lake, self._results))

    @contextmanager
    def recorded(self) -> Iterator[Attempt]:
        """The body of the asset; what becomes of it is written, unless that would make a missing place."""
        try:
            with native_failures(self.table.name):
                yield self
        except MissingLakehouseError:
            self.context.log.warning("%s lacks this attempt: it would make the place", PIPELINE_RUNS.name)
            raise
        except Exception as error:
            export_id = error.export_id if isinstance(error, MedallionError) else None
            kind = kind_of(error)
            self.end(Outcome.of_failure(kind), str(error) or type(error).__name__, kind=kind, export_id=export_id)
            raise
        except BaseException:  # a signal, or Dagster closes the body where it stands
            why = self._why_ended()
            limit = kind_of_interrupt(self.context.instance, self.context.run)
            self.end(Outcome.of_failure(limit) if limit else Outcome.CANCELED, why, kind=limit)
            raise
        if self._broken:
            failed = ", ".join(f"{name}{said}" for name, said in self._broken.items())
            why = f"blocking checks failed: {failed}; what to do: look at their figures on the asset's page in the UI"
            self.end(Outcome.FAILED, why, kind=failed_checks(self._broken))
        else:
            self.end(Outcome.SUCCEEDED)

    def _write(self, table: Table, write: Callable[[], None]) -> None:
        try:
            write()
        except LAKEHOUSE_ERRORS as failure:
            self.context.log.warning("%s lacks this attempt: %s", table.name, failure)

    def _why_ended(self) -> str:
        """What Dagster says of a run that ends before its stage is done."""
        run_id = self.context.run.run_id
        entries = self.context.instance.all_logs(run_id, of_type=ENDING)
        said = (entry.dagster_event and entry.dagster_event.message for entry in entries)
        return "; ".join(["the run was ended", *filter(None, said)])


def _said(result: dg.AssetCheckResult) -> str:
    """What a check that failed says in words."""
    found = result.metadata.get(FOUND) if result.metadata else None
    return "" if found is None else f" ({getattr(found, 'value', found)})"


def _typed(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as the row has them; words such as `unknown` in place of a moment are none."""
    return {name: parse_coverage(value).until if name in MOMENTS else value for name, value in figures.items()}
