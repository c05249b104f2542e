"""Commands that a person copies: a table of days or months is run for some of them, or Dagster refuses it."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from medallion_assets.definitions import build_defs
from medallion_assets.operations.dashboard.commands import catch_up, decide
from medallion_assets.operations.stages import stages_of
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.settings import load_settings
from medallion_assets_tests.pipeline import CATALOG

MIDNIGHT, NOW = datetime(2026, 2, 27, 8, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)
"""In Los Angeles 00:00 and 04:00: the days 27 February to 1 March are lacking."""
PIPELINES = (*CATALOG.pipelines, ECOMMERCE)
STAGES = {stage.table.name: stage for pipeline in PIPELINES for stage in stages_of(pipeline)}


@pytest.mark.parametrize(
    ("table", "covered_until", "expected"),
    [
        ("bronze.customer_transactions", MIDNIGHT, "--select bronze/customer_transactions"),
        ("silver.enriched_transactions", None, "--select silver/enriched_transactions"),
        (
            "gold.daily_sales_summary",
            MIDNIGHT,
            "--select gold/daily_sales_summary --partition-range 2026-02-27...2026-03-01",
        ),
        (
            "serving.customer_ltv_metrics",
            datetime(2026, 3, 1, 8, tzinfo=UTC),
            "--select serving/customer_ltv_metrics --partition 2026-03-01",
        ),
        ("gold.daily_sales_summary", None, None),
        ("bronze.ecommerce_events", MIDNIGHT, None),
    ],
)
def test_what_is_behind_is_run_for_what_it_lacks(
    table: str, covered_until: datetime | None, expected: str | None
) -> None:
    """Where nobody says which days or months, there is no command."""
    command = catch_up(STAGES[table], covered_until, NOW)
    assert command == (expected and f"dagster asset materialize -m medallion_assets.definitions {expected}")


def test_a_month_that_the_gate_holds_is_decided_in_a_run_of_that_month() -> None:
    command = decide(STAGES["silver.ecommerce_events"], "2019-Oct.csv", "accept", "2019-10-01")
    assert " --select silver/ecommerce_events --partition 2019-10-01 --config-json " in command


def test_a_stage_says_of_what_its_runs_are() -> None:
    """Held to the definitions: else a command of a page lacks its partition, or has one too many."""
    graph = build_defs(load_settings({}), PIPELINES).resolve_asset_graph()
    for stage in STAGES.values():
        assert _each(graph.get(asset_key(stage.table)).partitions_def) == stage.each, stage.table.name


def _each(partitions: dg.PartitionsDefinition | None) -> str | None:
    return None if partitions is None else "month" if isinstance(partitions, dg.MonthlyPartitionsDefinition) else "day"
