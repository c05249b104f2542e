"""The pipeline in process, for tests: exports land, every stage runs, tables come out as plain rows.

Belongs here: short ways to land exports and read tables.
Does not: expectations of any kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.deriving.changed_days import update_derived
from medallion_assets.engines.engine import Bounds, Engine
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.operations.stages import Stage, stages
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV, clock_figures
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import (
    DAILY_SALES,
    ENRICHMENT,
    LIFETIME_VALUE,
    LIFETIME_VALUE_METRICS,
    TRANSACTIONS,
)
from medallion_assets.publishing.reader import read_item
from medallion_assets.refining.bronze import LEDGER_BOUNDS, bronze_table, load_batch
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction, record_decisions
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets_tests.oracle.model import Decision as DecisionInput
from medallion_assets_tests.oracle.model import ExportInput
from medallion_assets_tests.services.spark import spark_engine

NOW = datetime(2025, 6, 1, tzinfo=UTC)
EXPORTS = DynamoDBExports()
ENGINES = ("polars", "spark")
ENGINE = "polars"
"""What `pytest --engine` says: so whole files of tests run on another engine."""
SILVER = (CUSTOMER_TRANSACTIONS, CUSTOMERS)
WITH_EURO = replace(
    CUSTOMER_TRANSACTIONS,
    expectations=tuple(rule for rule in CUSTOMER_TRANSACTIONS.expectations if rule.name != "currency_unsupported"),
)
"""The same with every currency."""
CATALOG = Catalog((TRANSACTIONS,))
EXPORTED_TABLES = CATALOG.loaded_tables
PUBLISHED_TABLES = tuple((published.gold.table, published.table) for published in CATALOG.published)


def lakehouse_at(folder: Path, engine: Engine | None = None) -> Lakehouse:
    """A lakehouse in a folder."""
    return Lakehouse(url=str(folder), catalog=CATALOG, engine=engine or default_engine())


def default_engine(bounds: Bounds | None = None) -> Engine:
    """The engine that `--engine` names, within its own bounds or within others."""
    engine = spark_engine() if ENGINE == "spark" else PolarsEngine()
    return replace(engine, bounds=bounds) if bounds else engine


def declared(table: Table, **policies: Any) -> Loaded:
    """How a table is loaded: as the pipeline declares it, if it does, but for the policies that are given."""
    known = next((loaded for loaded in TRANSACTIONS.loaded if loaded.table.name == table.name), None)
    return replace(known or Loaded(table=table, source=EXPORTS), table=table, **policies)


def pipeline_with(*declarations: Loaded) -> Pipeline:
    """The pipeline with other declarations of some of its loaded tables, by name."""
    others = {loaded.table.name: loaded for loaded in declarations}
    return replace(TRANSACTIONS, loaded=tuple(others.get(loaded.table.name, loaded) for loaded in TRANSACTIONS.loaded))


def stage_of(table: Table) -> Stage:
    """The stage that writes a table."""
    (stage,) = (stage for stage in stages(CATALOG) if stage.table.name == table.name)
    return stage


def land(lakehouse: Lakehouse, export: ExportInput, *, table_id: str | None = None) -> int | None:
    """Load an export's lines into Bronze, as ingest does once it has verified them; `table_id` is in its manifests."""
    table = bronze_table(export.table)
    bronze = lakehouse.ready(table)
    batch = batch_of(export, origin=table_id)
    written, day = [], batch.started_at.date()
    for name, lines in zip(export.file_names, export.files, strict=True):
        rows = [
            (line, batch.id, str(batch.kind), batch.covers_from, batch.covers_to, name, number, NOW, day)
            for number, line in enumerate(lines, start=1)
        ]
        if rows:
            frame = pl.DataFrame(rows, schema=polars_schema(table), orient="row")
            written.append(bronze.folder.write(frame.lazy(), partition=day, bounds=LEDGER_BOUNDS))
    return load_batch(lakehouse, table, batch, written)


def batch_of(export: ExportInput, *, origin: str | None = None) -> Batch:
    """A planted export as Bronze knows it."""
    return Batch(
        id=export.export_id,
        kind=BatchKind(export.export_type),
        covers_from=export.from_at,
        covers_to=export.to_at,
        uncertainty=EXPORTS.uncertainty,
        records=sum(map(len, export.files)),
        started_at=datetime.fromtimestamp(int(export.export_id[1:14]) / 1000, UTC),
        origin=origin,
    )


def decide(lakehouse: Lakehouse, decisions: Iterable[DecisionInput]) -> None:
    """Record people's decisions."""
    made = [
        Decision(
            table_name=decision.table,
            subject=decision.export_id,
            action=DecisionAction(decision.action),
            reason="looked at it",
            decided_by="tester",
            decided_at=NOW,
        )
        for decision in decisions
    ]
    record_decisions(lakehouse, made)


def refine_and_accept(lakehouse: Lakehouse, loaded: Loaded) -> None:
    """Refine until nothing fails: a person accepts what does."""
    while (failing := refine(lakehouse, loaded, now=NOW).failing) is not None:
        decide(lakehouse, [DecisionInput(loaded.table.short_name, failing.batch.id, "accept")])


def run_silver(lakehouse: Lakehouse, declarations: Iterable[Loaded] = TRANSACTIONS.loaded) -> dict[str, Refined]:
    """Refine both tables (as they are declared, or otherwise) and enrich; what refine reported, by table."""
    done = {loaded.table.short_name: refine(lakehouse, loaded, now=NOW) for loaded in declarations}
    update_derived(lakehouse, ENRICHMENT)
    return done


def run_gold(lakehouse: Lakehouse, as_of_days: Iterable[date] = ()) -> None:
    """Build the summary of every day, and lifetime values as of some."""
    days = lakehouse.open(ENRICHED_TRANSACTIONS).days
    if days:
        build(lakehouse, DAILY_SALES, days)
    if as_of_days:
        build(lakehouse, LIFETIME_VALUE, list(as_of_days))


def rows(lakehouse: Lakehouse, table: Table, *sort: str) -> list[dict[str, Any]]:
    """Every row of a table, in the order of its key (or of some columns)."""
    snapshot = lakehouse.find(table)
    return snapshot.scan().collect().sort(list(sort) or list(table.key)).to_dicts() if snapshot else []


def quarantined(lakehouse: Lakehouse, table: Table) -> set[tuple[str, str, int, frozenset[str]]]:
    """What is in quarantine: export, file, line, reasons."""
    snapshot = lakehouse.find(quarantine_table(table))
    if snapshot is None:
        return set()
    columns = snapshot.scan().collect().select("_export_id", "_source_file", "_line_number", "reasons").iter_rows()
    return {(export, file, line, frozenset(reasons)) for export, file, line, reasons in columns}


def ltv(lakehouse: Lakehouse, as_of: date) -> list[dict[str, Any]]:
    """The lifetime values as of a day."""
    frame = lakehouse.open(CUSTOMER_LTV).scan(partitions=[as_of]).collect()
    return frame.sort("customer_id").to_dicts()


def read_ltv(client: Any, table_name: str, customer_id: str, *, today: date) -> dict[str, object] | None:
    """A customer as an API of ours reads one: what is published, and what the clock makes of it."""
    found: dict[str, Any] | None = read_item(client, table_name, LIFETIME_VALUE_METRICS.table, customer_id)
    if found is None:
        return None
    names = ("first_order_date", "last_order_date", "order_count")
    return found | clock_figures(**{name: found[name] for name in names}, today=today)


__all__ = [
    "CUSTOMERS",
    "CUSTOMER_TRANSACTIONS",
    "DAILY_SALES_SUMMARY",
    "ENRICHED_TRANSACTIONS",
    "decide",
    "lakehouse_at",
    "land",
    "ltv",
    "quarantined",
    "read_ltv",
    "rows",
    "run_gold",
    "run_silver",
]
