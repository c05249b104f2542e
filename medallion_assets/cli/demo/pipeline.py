"""The demo's pipelines: the asset graph run through Dagster in this process, and what it then holds.

Belongs here: runs whose progress and failures the demo shows, and figures of the tables.
Does not: which runs there are, or how they look.
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import polars as pl

from medallion_assets.cli.demo.result import TableSummary
from medallion_assets.cli.demo.view import DemoView
from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.run_days import RANGE_END, RANGE_START
from medallion_assets.contracts.table import Table
from medallion_assets.definitions import build_defs
from medallion_assets.delta.lakehouse import lakehouse_of
from medallion_assets.delta.notes.commit_notes import last_commit
from medallion_assets.delta.table import ENGINE_NOTE
from medallion_assets.errors import PermanentError, QualityGateError
from medallion_assets.operations.business.writing import write_business_page
from medallion_assets.operations.dashboard.writing import write_dashboard
from medallion_assets.operations.quality import published_scores, quality
from medallion_assets.operations.stages import Kind, Stage, stages, stages_of
from medallion_assets.operations.tables.expectation_results import read_results
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.resources import DynamoDBResource
from medallion_assets.orchestration.runs.attribution import USER
from medallion_assets.orchestration.runs.outcomes import step_error
from medallion_assets.orchestration.runs.watch import conclude_all
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.serving import Serving
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.settings import Settings

UP_TO_SILVER: tuple[Kind, ...] = ("bronze", "judged", "derived")


def tables_of(pipeline: Pipeline, *kinds: Kind) -> list[Table]:
    """The tables of a pipeline that stages of these kinds write, in the order in which data flows."""
    return [stage.table for stage in stages_of(pipeline) if stage.kind in kinds]


class DemoPipeline:
    """The graph, its instance, and the tables that it makes."""

    def __init__(self, settings: Settings, serving: Serving, view: DemoView) -> None:
        self.view = view
        catalog = load_catalog(settings.pipelines)
        self.lakehouse = lakehouse_of(settings, catalog)
        self._settings = settings
        self.client = serving.client()
        resources = {"dynamodb": DynamoDBResource(serving=serving)}
        definitions = build_defs(settings, catalog.pipelines, resources=resources, loggers={"demo": _logger(view)})
        self.job = definitions.resolve_implicit_global_asset_job_def()
        self.instance = dg.DagsterInstance.from_config(str(settings.dagster_home))
        conclude_all(self.instance)

    def run(self, title: str, tables: list[Table], first: date | None = None, last: date | None = None) -> None:
        """Materialize the assets of some tables in one Dagster run."""
        with self.view.step(title):
            result = self._execute(tables, first, last)
            if not result.success:
                raise PermanentError(
                    "the run failed", where=title, found=_failure(result)["error"], do="look at the run in the UI"
                )
            for event in result.get_asset_check_evaluations():
                self.view.check(event.asset_key.to_user_string(), event.check_name, passed=event.passed)

    def run_to_the_gate(self, export_id: str, tables: list[Table]) -> str:
        """Materialize assets while a bad export lies there; give what the gate says of it."""
        title = f"A bad export arrives: {export_id}"
        with self.view.step(title, stops=True):
            result = self._execute(tables, None, None)
            failure = _failure(result)
            message, kind = str(failure["error"]), str(failure["error_kind"])
            if not kind.startswith(QualityGateError.__name__) or failure["export_id"] != export_id:
                raise PermanentError(
                    "the gate did not stop it", where=title, found=message, do="look at the run in the UI"
                )
            self.view.note(message)
            return message

    def write_pages(self) -> None:
        """Write what the monitor of a deployment renews: the pages for people."""
        with self.view.step("Pages: the pipeline's status, and business figures"):
            now, settings = datetime.now(UTC), self._settings
            write_dashboard(
                self.lakehouse,
                now,
                ui_url=settings.ui_url,
                raw_url=settings.raw_url,
                command_prefix=settings.command_prefix,
            )
            write_business_page(self.lakehouse, now)

    def readable(self, days: list[date]) -> dict[str, list[dict[str, object]]]:
        """What readers of DynamoDB see of some days."""
        return {str(day): read_day(self.client, SALES_METRICS.to, day) for day in days}

    def days(self) -> list[date]:
        """The business days with transactions, ascending."""
        return self.lakehouse.open(ENRICHED_TRANSACTIONS).days

    def sales(self, days: list[date]) -> list[dict[str, object]]:
        """Sales by day, as Gold has them."""
        rows = self.lakehouse.open(DAILY_SALES_SUMMARY).scan(partitions=days).collect()
        figures = pl.col("transaction_count", "units_sold", "gross_revenue", "refunded_amount", "net_revenue")
        return rows.group_by("transaction_date").agg(figures.sum()).sort("transaction_date").to_dicts()

    def summaries(self) -> list[TableSummary]:
        """One line a table, from the tables' logs, and what was published of each as `medallion status` counts it."""
        scores = published_scores(read_attempts(self.lakehouse), read_results(self.lakehouse))
        return [self._summary(stage, scores) for stage in stages(self.lakehouse.catalog) if stage.kind != "serving"]

    def _summary(self, stage: Stage, scores: pl.DataFrame) -> TableSummary:
        table = stage.table
        snapshot = self.lakehouse.open(table)
        share = quarantined = None
        if stage.kind == "judged":
            quarantine = quarantine_table(table)
            quarantined = self.lakehouse.open(quarantine).row_count if self.lakehouse.exists(quarantine) else 0
            share = quality(scores.filter(pl.col("stage") == table.name))
        return TableSummary(
            name=table.name,
            rows=snapshot.row_count,
            version=snapshot.version,
            engine=str((last_commit(snapshot, ENGINE_NOTE) or {}).get(ENGINE_NOTE)),
            quality=share,
            quarantined=quarantined,
        )

    def _execute(self, tables: list[Table], first: date | None, last: date | None) -> dg.ExecuteInProcessResult:
        tags = {USER: "medallion demo"}
        if first is not None:
            tags |= {
                RANGE_START: str(first),
                RANGE_END: str(last),
            }
        return self.job.execute_in_process(
            asset_selection=[asset_key(table) for table in tables],
            instance=self.instance,
            tags=tags,
            run_config={"loggers": {"demo": {"config": {}}}},
            raise_on_error=False,
        )


def _logger(view: DemoView) -> dg.LoggerDefinition:
    """Sends what assets log to the view instead of the terminal."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            meta = getattr(record, "dagster_meta", {})
            if not meta.get("dagster_event"):
                view.progress(str(meta.get("orig_message", record.getMessage())))

    def make(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.getLogger("medallion.demo")
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.handlers = [Handler()]
        return logger

    return dg.LoggerDefinition(make, config_schema={})


def _failure(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What the first failed step said, in the parts of an incident."""
    failures = (step_error(event) for event in result.all_events if event.is_step_failure)
    return next(failures, {"error": "no step failed", "error_kind": None, "export_id": None})
