"""`medallion rebuild` and its run config: which table is meant, what is printed, and what a run reports."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest
from typer.testing import CliRunner

from medallion_assets import cli
from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.delta.notes.fingerprints import RULES_NOTE
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.operations.rebuild import RebuildRequest, rebuild, rebuildable, rebuildable_table
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.pipeline import CATALOG, CUSTOMER_TRANSACTIONS, NOW, declared, lakehouse_at, pipeline_with

NAMES = {
    "customers": "silver.customers",
    "silver/customers": "silver.customers",
    "bronze.customers": "bronze.customers",
    "enriched_transactions": "silver.enriched_transactions",
    "gold/daily_sales_summary": "gold.daily_sales_summary",
}
SILVER, WHY = "silver/customer_transactions", "what readers said"
STRICT = replace(
    CUSTOMER_TRANSACTIONS,
    expectations=(*CUSTOMER_TRANSACTIONS.expectations, expect_or_drop("not_eleven", nw.col("amount") != 11)),
)
STRICT_PIPELINE = pipeline_with(declared(STRICT))


@pytest.fixture
def home(lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings name a small lakehouse."""
    monkeypatch.setenv("MEDALLION_HOME", str(tmp_path))
    assert Path(lakehouse.url).parent == tmp_path
    return tmp_path


def run(*arguments: str) -> Any:
    done = CliRunner().invoke(cli.app, ["rebuild", *arguments, "--json"])
    return {"exit_code": done.exit_code, **json.loads(done.stdout)}


@pytest.mark.parametrize(("typed", "meant"), NAMES.items())
def test_a_table_is_found_by_the_names_people_use(typed: str, meant: str) -> None:
    assert rebuildable_table(CATALOG, typed).name == meant


def test_a_name_that_is_no_table_is_told_with_those_that_are() -> None:
    with pytest.raises(PermanentError, match=r"expected: one of bronze\.customer_transactions, .*found: 'orders'"):
        rebuildable_table(CATALOG, "orders")
    with pytest.raises(PermanentError, match=r"found: 'operations\.decisions'"):
        rebuildable_table(CATALOG, "operations.decisions")


@pytest.mark.parametrize("table", [stage.table.name for stage in rebuildable(CATALOG) if stage.table.layer == "silver"])
def test_each_silver_table_is_rebuilt_by_the_command(home: Path, table: str) -> None:
    """Nothing has changed, so no row differs; the commit says why it was made."""
    done = run(table, "--why", WHY)
    assert (done["exit_code"], done["table"], done["dry_run"]) == (0, table, False)
    assert {name: done["changes"][name] for name in ("added", "changed", "gone")} == dict.fromkeys(
        ("added", "changed", "gone"), 0
    )
    log = Path(lakehouse_at(home / "lakehouse").uri(rebuildable_table(CATALOG, table))) / "_delta_log"
    assert WHY in (log / f"{done['version']:020d}.json").read_text()


@pytest.mark.usefixtures("home")
def test_the_command_prints_what_would_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_PIPELINES", f"{__name__}:STRICT_PIPELINE")
    done = CliRunner().invoke(cli.app, ["rebuild", "customer_transactions", "--why", WHY, "--dry-run"])
    said = " ".join(done.stdout.split())
    assert done.exit_code == 0
    assert "silver.customer_transactions: would change" in said
    assert "newly bad: not_eleven: 1" in said
    assert "changed" in said
    assert "t1" in said
    assert run("customer_transactions", "--why", WHY, "--dry-run")["changes"]["restated"] == ["2025-03-07"]


def test_a_missing_reason_or_place_is_told(home: Path) -> None:
    error = run("customers", "--why", "")["error"]
    assert (error["where"], error["what"]) == ("silver.customers", "the rebuild has no reason")
    assert run("bronze.customers", "--why", WHY)["exit_code"] == 2  # the raw place was never there
    table, request = rebuildable_table(CATALOG, "customer_ltv"), RebuildRequest(why=WHY, accept_all=True)
    with pytest.raises(PermanentError, match=r"gold\.customer_ltv is not judged from batches"):
        rebuild(lakehouse_at(home), "", table, request, now=NOW)


@pytest.mark.slow
def test_a_run_rebuilds_what_its_config_asks_for(refined: Graph) -> None:
    """The same from the UI: the run says what changed, and goes on as usual."""
    version = refined.lakehouse.open(CUSTOMER_TRANSACTIONS).version
    done = refined.run(SILVER, config={SILVER: {"rebuild": {"why": WHY, "dry_run": True}}})
    assert done.figures(SILVER)["rebuild"] == "would change"
    assert refined.lakehouse.open(CUSTOMER_TRANSACTIONS).version == version
    done = refined.run(SILVER, config={SILVER: {"rebuild": {"why": WHY}}})
    assert done.figures(SILVER)["rebuild"] == f"version {version + 1}"
    assert done.checks[SILVER, "one_contract"].passed


@pytest.mark.slow
def test_gold_and_enriched_and_bronze_take_the_same_config(refined: Graph) -> None:
    days = refined.lakehouse.open(pipeline.ENRICHED_TRANSACTIONS).days
    for asset, options in (
        ("bronze/customers", {}),
        ("silver/enriched_transactions", {}),
        ("gold/daily_sales_summary", {"first": days[0], "last": days[1]}),
    ):
        if asset.startswith("gold"):
            assert refined.run(asset, **options).success
        done = refined.run(asset, config={asset: {"rebuild": {"why": WHY}}}, **options)
        assert done.success
        assert str(done.figures(asset)["rebuild"]).startswith("version ")


def test_a_contract_that_changed_is_a_warning_with_the_command(refined: Graph) -> None:
    """C6: rows that were judged by other rules are named by the next run."""
    silver = refined.lakehouse.open(CUSTOMER_TRANSACTIONS)
    silver.commit(metadata={RULES_NOTE: ["an-older-one"]})
    done = refined.run(SILVER)
    assert done.success
    assert not done.checks[SILVER, "one_contract"].passed
    assert "medallion rebuild silver.customer_transactions" in done.figures(SILVER, "one_contract")["what_to_do"]
