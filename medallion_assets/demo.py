"""The demo: the whole pipeline on sample tables, on this machine, in under a minute.

Belongs here: the story that `medallion demo` tells, step by step.
Does not: the samples (samples/history.py), the pipeline (definitions.py), how things look (demo_view.py).
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.instance.ref import InstanceRef

from medallion_assets.definitions import build_defs
from medallion_assets.demo_view import DemoView
from medallion_assets.dynamodb.publisher import publishing_client
from medallion_assets.dynamodb.reader import read_day
from medallion_assets.errors import PermanentError
from medallion_assets.gold.customer_ltv import CUSTOMER_LTV
from medallion_assets.gold.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.gold.restatement import restated_partitions
from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.delta import Lakehouse
from medallion_assets.lakehouse.quarantine import quarantine_table
from medallion_assets.lakehouse.raw_exports import bronze_table
from medallion_assets.lakehouse.settlement import Settlement
from medallion_assets.reporting import asset_key
from medallion_assets.resources import DynamoDBResource
from medallion_assets.samples.history import write_bad_export, write_demo_history
from medallion_assets.serving.customer_ltv_metrics import CUSTOMER_LTV_METRICS
from medallion_assets.serving.daily_sales_metrics import DAILY_SALES_METRICS
from medallion_assets.settings import Settings
from medallion_assets.silver.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.silver.customers import CUSTOMERS
from medallion_assets.silver.enriched_transactions import ENRICHED_TRANSACTIONS

SEED = 7
FIRST_DAY = date(2025, 1, 1)
MARKER = "demo.json"
"""Marks a home whose data the demo made, and may therefore make anew."""
DAGSTER_YAML = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"
INGEST = [bronze_table("customer_transactions"), bronze_table("customers")]
REFINE = [CUSTOMER_TRANSACTIONS, CUSTOMERS, ENRICHED_TRANSACTIONS]


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """How large the sample tables are."""

    transactions: int = 50_000
    customers: int = 1_000
    days: int = 60
    published_days: int = 7


@dataclass(frozen=True, kw_only=True)
class TableSummary:
    """A line of the demo's last table."""

    name: str
    rows: int
    version: int
    quality: float | None
    quarantined: int | None


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo found, for `--json` and for tests."""

    tables: list[TableSummary]
    sales: list[dict[str, object]]
    published_days: list[str]
    bad_export: str
    gate_message: str
    readable_unchanged: bool
    seconds: float


def run_demo(settings: Settings, view: DemoView, size: DemoSize | None = None) -> DemoResult:
    """Run the story; everything it makes lies in `settings.home`.

    Raises:
        PermanentError: the home holds data that no demo made, or a stage failed that should not have.
    """
    began = time.monotonic()
    size = size or DemoSize()
    settings = replace(settings, first_day=FIRST_DAY)
    _prepare_home(settings)
    story: dict[str, Any] = {
        "seed": SEED,
        "transactions": size.transactions,
        "customers": size.customers,
        "days": size.days,
        "first_day": FIRST_DAY + timedelta(days=1),  # UTC: it begins on the evening before in Los Angeles
    }
    figures = f"{size.transactions:,} transactions of {size.days} days, {size.customers:,} customers"
    with view.step(f"Writing sample exports: {figures}"):
        exports = write_demo_history(settings.raw_url, **story)
        view.note(f"{len(exports)} exports: a full one of each table, the others incremental")
    with _embedded_dynamodb() as dynamodb:
        pipeline = _Pipeline(settings, dynamodb, view)
        pipeline.run("Bronze and Silver: load, judge, publish, enrich", [*INGEST, *REFINE])
        days = pipeline.days()
        pipeline.run("Gold: daily sales of every day", [DAILY_SALES_SUMMARY], days[0], days[-1])
        kept = restated_partitions(days, days[-1]).ltv_days[-size.published_days :]
        pipeline.run("Gold: customer lifetime value of the last days", [CUSTOMER_LTV], kept[0], kept[-1])
        published = days[-size.published_days :]
        pipeline.run(
            f"Serving: the last {size.published_days} days to DynamoDB",
            [DAILY_SALES_METRICS],
            published[0],
            published[-1],
        )
        pipeline.run("Serving: the last day's lifetime values", [CUSTOMER_LTV_METRICS], days[-1], days[-1])
        before = pipeline.readable(published)
        bad = write_bad_export(settings.raw_url, **story)
        message = pipeline.run_to_the_gate(bad.export_id, [*INGEST, *REFINE])
        unchanged = pipeline.readable(published) == before
        return DemoResult(
            tables=pipeline.summaries(),
            sales=pipeline.sales(published),
            published_days=[str(day) for day in published],
            bad_export=bad.export_id,
            gate_message=message,
            readable_unchanged=unchanged,
            seconds=time.monotonic() - began,
        )


class _Pipeline:
    """The graph, its instance, and the tables that it makes."""

    def __init__(self, settings: Settings, dynamodb: dict[str, str], view: DemoView) -> None:
        self.view = view
        self.client = publishing_client(**dynamodb)
        self.lakehouse = Lakehouse(url=settings.lakehouse_url)
        resource = DynamoDBResource(
            endpoint_url=dynamodb["endpoint_url"],
            region=dynamodb["region_name"],
            access_key_id=dynamodb["aws_access_key_id"],
            secret_access_key=dynamodb["aws_secret_access_key"],
        )
        definitions = build_defs(settings, dynamodb=resource, loggers={"demo": _logger(view)})
        self.job = definitions.resolve_implicit_global_asset_job_def()
        self.instance = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(settings.dagster_home)))

    def run(self, title: str, tables: list[Table], first: date | None = None, last: date | None = None) -> None:
        """Materialize the assets of some tables in one Dagster run."""
        with self.view.step(title):
            result = self._execute(tables, first, last)
            if not result.success:
                raise PermanentError(f"{title}: the run failed", found=_failure(result), do="look at the run in the UI")
            for event in result.get_asset_check_evaluations():
                self.view.check(event.asset_key.to_user_string(), event.check_name, passed=event.passed)

    def run_to_the_gate(self, export_id: str, tables: list[Table]) -> str:
        """Materialize assets while a bad export lies there; give what the gate says of it."""
        title = f"A bad export arrives: {export_id}"
        with self.view.step(title, stops=True):
            result = self._execute(tables, None, None)
            message = _failure(result)
            if result.success or f"export {export_id} failed the quality gate" not in message:
                raise PermanentError(
                    f"{title}: the gate did not stop it", found=message, do="look at the run in the UI"
                )
            self.view.note(message)
            return message

    def readable(self, days: list[date]) -> dict[str, list[dict[str, object]]]:
        """What readers of DynamoDB see of some days."""
        return {str(day): read_day(self.client, DAILY_SALES_METRICS.short_name, day) for day in days}

    def days(self) -> list[date]:
        """The business days with transactions, ascending."""
        return [day for day in self.lakehouse.open(ENRICHED_TRANSACTIONS).partitions if day is not None]

    def sales(self, days: list[date]) -> list[dict[str, object]]:
        """Sales by day, as Gold has them."""
        rows = self.lakehouse.open(DAILY_SALES_SUMMARY).scan(partitions=days).collect()
        figures = pl.col("transaction_count", "units_sold", "gross_revenue", "refunded_amount", "net_revenue")
        return rows.group_by("transaction_date").agg(figures.sum()).sort("transaction_date").to_dicts()

    def summaries(self) -> list[TableSummary]:
        """One line a table, from the tables' logs and the latest materializations."""
        return [self._summary(table) for table in [*INGEST, *REFINE, DAILY_SALES_SUMMARY, CUSTOMER_LTV]]

    def _summary(self, table: Table) -> TableSummary:
        snapshot = self.lakehouse.open(table)
        quality = quarantined = None
        if table in (CUSTOMER_TRANSACTIONS, CUSTOMERS):
            quarantine = quarantine_table(table)
            bad = self.lakehouse.open(quarantine).row_count if self.lakehouse.exists(quarantine) else 0
            settlement = Settlement.read(self.lakehouse.open(bronze_table(table.short_name)), snapshot, {})
            lines = sum(one.records for one in settlement.exports if one.export_id not in settlement.pending_ids)
            quarantined, quality = bad, 1.0 if lines == 0 else 1 - bad / lines
        return TableSummary(
            name=table.name, rows=snapshot.row_count, version=snapshot.version, quality=quality, quarantined=quarantined
        )

    def _execute(self, tables: list[Table], first: date | None, last: date | None) -> dg.ExecuteInProcessResult:
        tags = {"user": "medallion demo"}
        if first is not None:
            tags |= {
                "dagster/asset_partition_range_start": str(first),
                "dagster/asset_partition_range_end": str(last),
            }
        return self.job.execute_in_process(
            asset_selection=[asset_key(table) for table in tables],
            instance=self.instance,
            tags=tags,
            run_config={"loggers": {"demo": {"config": {}}}},
            raise_on_error=False,
        )


def _prepare_home(settings: Settings) -> None:
    """An empty home: what an earlier demo left is removed, anything else is left alone and refused."""
    home = settings.home
    marker = home / MARKER
    expected = {"raw_url": str(home / "raw-dynamodb-exports"), "lakehouse_url": str(home / "lakehouse")}
    found = {"raw_url": settings.raw_url, "lakehouse_url": settings.lakehouse_url}
    if found != expected:
        raise PermanentError(
            "the demo keeps everything in MEDALLION_HOME",
            expected=expected,
            found=found,
            do="unset MEDALLION_RAW_URL and MEDALLION_LAKEHOUSE_URL for the demo",
        )
    folders = [Path(settings.raw_url), Path(settings.lakehouse_url)]
    if not marker.exists() and any(folder.exists() for folder in folders):
        raise PermanentError(
            f"{home} holds data that no demo made",
            do="set MEDALLION_HOME to an empty folder for the demo",
        )
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    (settings.dagster_home / "dagster.yaml").write_text(DAGSTER_YAML)
    marker.write_text(json.dumps({"seed": SEED}))


@contextmanager
def _embedded_dynamodb() -> Iterator[dict[str, str]]:
    """A DynamoDB in this process (moto): the options of its client."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it prints a line for every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield {
            "endpoint_url": f"http://{host}:{port}",
            "region_name": "us-west-2",
            "aws_access_key_id": "demo",
            "aws_secret_access_key": "demo",
        }
    finally:
        server.stop()


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


def _failure(result: dg.ExecuteInProcessResult) -> str:
    """What the first failed step said."""
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.user_failure_data
            if error is not None and error.description:
                return error.description
            return str(event.step_failure_data.error_display_string)
    return "no step failed"
