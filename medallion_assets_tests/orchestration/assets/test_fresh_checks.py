"""Each table shows in Dagster's graph whether it is fresh, by the figure that everything else shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.errors import TransientError
from medallion_assets.operations.freshness.freshness import read_freshness
from medallion_assets.operations.stages import stages_of
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.orchestration.assets import fresh_checks
from medallion_assets.orchestration.assets.fresh_checks import IS_FRESH, fresh_check_keys, verdict
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.star_schema.pipeline import CHANGES, STAR_SCHEMA
from medallion_assets.settings.schedules import MONITOR
from medallion_assets_tests.graph import Graph, Run

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = dg.AssetCheckKey(dg.AssetKey(["silver", "customers"]), IS_FRESH)


def monitor(graph: Graph) -> Run:
    return Run(graph.definitions.resolve_job_def(MONITOR).execute_in_process(instance=graph.instance))


@pytest.mark.slow
def test_the_monitor_says_of_each_table_what_data_freshness_says(refined: Graph) -> None:
    """Gold and serving were never made; samples are measured against their own end."""
    later = datetime.now(UTC) + timedelta(hours=27)
    graph = replace(refined, clock=lambda: later)
    run = monitor(graph)
    assert run.success
    rows = {row.table: row for row in read_freshness(graph.lakehouse, later) if row.sla_hours is not None}
    shown = {table.replace("/", "."): check for (table, name), check in run.checks.items() if name == IS_FRESH}
    assert {table: check.passed for table, check in shown.items()} == {
        table: row.state == "fresh" for table, row in rows.items()
    }
    assert {check.passed for check in shown.values()} == {True, False}
    assert {check.severity for check in shown.values()} == {dg.AssetCheckSeverity.WARN}
    assert shown["gold.customer_ltv"].description == "stale; never refreshed"
    stale = run.checks["operations/data_freshness", "nothing_is_stale"].metadata["stale"].value
    assert sorted(stale) == sorted(table for table, check in shown.items() if check.description.startswith("stale"))  # type: ignore[union-attr, type-var]


def test_what_nobody_can_know_is_no_warning_for_ever() -> None:
    """The star's files do not say what they cover; where each says it, they have the check."""
    dated = tuple(replace(loaded, source=replace(CHANGES, covers="%Y-%m-%d")) for loaded in STAR_SCHEMA.loaded)
    months = {"bronze/ecommerce_events", "silver/ecommerce_events"}
    assert checked_tables(STAR_SCHEMA, ECOMMERCE) == months
    assert checked_tables(replace(STAR_SCHEMA, loaded=(*STAR_SCHEMA.loaded[:1], *dated[1:]))) == {
        path for loaded in dated[1:] for path in (f"bronze/{loaded.table.short_name}", loaded.table.path)
    }
    promised = {stage.table.path for stage in stages_of(STAR_SCHEMA) if stage.freshness_hours is not None}
    assert checked_tables(replace(STAR_SCHEMA, loaded=dated)) == promised


def checked_tables(*pipelines: Pipeline) -> set[str]:
    return {key.asset_key.to_user_string() for key in fresh_check_keys(Catalog(pipelines))}


@pytest.mark.parametrize(
    ("facts", "passed", "said", "figures"),
    [
        (
            {"covered_until": NOW - timedelta(hours=30), "is_stale": True, "sla_hours": 24.0, "last_refreshed": NOW},
            False,
            "stale",
            {"hours_behind": 30.0, "limit_hours": 24.0, "covered_until": "2026-03-01T06:00:00+00:00"},
        ),
        (
            {"covered_until": NOW - timedelta(hours=23), "is_stale": False, "sla_hours": 24.0, "last_refreshed": NOW},
            True,
            "fresh",
            {"hours_behind": 23.0},
        ),
        (
            {"covered_until": None, "is_stale": False, "sla_hours": 24.0, "last_refreshed": NOW},
            False,
            "unknown: nothing says yet how far its data reach",
            {"state": "unknown"},
        ),
    ],
)
def test_what_is_unknown_is_neither_fresh_nor_stale(
    facts: dict[str, Any], passed: bool, said: str, figures: dict[str, Any]
) -> None:
    found = verdict(KEY, Freshness(table="silver.customers", row_count=1, **facts), NOW)
    assert (found.passed, found.severity, found.description) == (passed, dg.AssetCheckSeverity.WARN, said)
    plain = {name: value.value for name, value in found.metadata.items()}  # type: ignore[union-attr]
    assert figures.items() <= plain.items()


def test_a_run_of_a_table_says_so_at_once_and_needs_no_verdict(refined: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    run = refined.run("bronze/customers")
    assert [key for key in run.checks if key[1] == IS_FRESH] == [("bronze/customers", IS_FRESH)]

    def refuse(*_: object) -> None:
        raise TransientError("the storage did not answer")

    monkeypatch.setattr(fresh_checks, "read_freshness", refuse)
    run = refined.run("bronze/customers")
    assert run.success
    assert not [key for key in run.checks if key[1] == IS_FRESH]
