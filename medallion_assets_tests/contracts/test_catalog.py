"""Catalogs: what pipelines may not share, and names that are no pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medallion_assets.contracts.catalog import Catalog, load_catalog
from medallion_assets.contracts.pipeline import Daily, Loaded, Pipeline
from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.contracts.triggers import Condition, RunIf
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS, TRANSACTIONS
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports

ORDERS = Table(name="silver.orders", description="", key=("id",), columns=(Column("id", Text(), "", source="id"),))
SHOP = Pipeline(name="shop", loaded=(Loaded(table=ORDERS, source=DynamoDBExports()),))


def condition(name: str) -> RunIf:
    """A condition whose sensor is called so."""
    return RunIf(name=name, job="refine", condition=Condition.ALL_DONE, upstream=(ORDERS,))


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (replace(SHOP, name="market"), "silver.orders"),
        (
            replace(
                SHOP,
                name="market",
                loaded=(Loaded(table=replace(ORDERS, name="raw.orders"), source=DynamoDBExports()),),
            ),
            "table_update_orders",
        ),
        (Pipeline(name="shop", job_prefix="market_"), "arrivals_shop"),
        (Pipeline(name="market", job_prefix="shop_"), "shop_"),
    ],
)
def test_two_pipelines_share_no_table_job_or_sensor(other: Pipeline, shared: str) -> None:
    with pytest.raises(PermanentError, match=f"{shared} belongs to two pipelines") as error:
        Catalog((SHOP, other))
    assert error.value.found == f"it in shop and in {other.name}"


@pytest.mark.parametrize(
    ("pipeline", "name"),
    [
        (TRANSACTIONS, "arrivals_transactions"),
        (TRANSACTIONS, "file_arrival_customers"),
        (TRANSACTIONS, "table_update_customers"),
        (TRANSACTIONS, "table_update_enriched_transactions"),
        (TRANSACTIONS, "restated_customer_ltv"),
        (STAR_SCHEMA, "completed_star_schema"),
    ],
)
def test_a_declared_condition_is_called_like_no_other_sensor(pipeline: Pipeline, name: str) -> None:
    with pytest.raises(PermanentError, match=f"{name} is there twice"):
        Catalog((replace(pipeline, run_if=(condition(name),)),))


@pytest.mark.parametrize("name", ["alert_rules", "alert_sender", "run_outcomes", "diagnose_failures"])
def test_a_declared_condition_is_not_called_like_a_sensor_that_all_pipelines_share(name: str) -> None:
    with pytest.raises(PermanentError, match=f"{name} is a sensor that all pipelines share") as error:
        Catalog((replace(SHOP, run_if=(condition(name),)),))
    assert error.value.found == "it in shop"


@pytest.mark.parametrize("name", ["silver.orders_events", "quarantine.orders", "bronze.orders", "silver.ORDERS"])
def test_what_is_kept_beside_a_loaded_table_has_its_name_for_itself(name: str) -> None:
    """The two would be written to one folder, or have one view in SQL: DuckDB tells no names apart by case alone."""
    history = Loaded(table=replace(ORDERS, history=True), source=DynamoDBExports())
    gold = Daily(
        table=Table(name=name, description="", key=("id",), columns=(ORDERS.column("id").derived,)),
        source=ORDERS,
        compute=lambda orders: orders,
    )
    with pytest.raises(PermanentError, match=f"{name} is there twice") as error:
        Catalog((replace(SHOP, loaded=(history,), gold=(gold,)),))
    assert error.value.found == "it twice in shop"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("nowhere.at_all:SHOP", "ModuleNotFoundError: No module named 'nowhere'"),
        (f"{__name__}:SHOPS", f"AttributeError: module '{__name__}' has no attribute 'SHOPS'"),
        (f"{__name__}:ORDERS", "a Table"),
        ("shop", "AttributeError"),
    ],
)
def test_a_name_that_is_no_pipeline_is_refused(name: str, found: str) -> None:
    with pytest.raises(PermanentError, match="which is not a pipeline") as error:
        load_catalog([name])
    assert str(error.value.found).startswith(found) or name == "shop"


@pytest.mark.parametrize(
    ("source", "found"), [("SHOP = Pipelin(", "SyntaxError: "), ("SHOP = Pipeline()", "NameError: name 'Pipeline'")]
)
def test_a_module_that_cannot_be_imported_is_told_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, found: str
) -> None:
    name = f"broken_{len(source)}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PermanentError, match=f"names '{name}:SHOP', which is not a pipeline") as error:
        load_catalog([f"{name}:SHOP"])
    assert str(error.value.found).startswith(found)
    assert str(error.value.found).endswith(f"{name}.py, line 1)")


def test_a_gold_table_is_found_by_its_name_and_by_that_of_what_publishes_it() -> None:
    catalog = Catalog((TRANSACTIONS,))
    names = (SALES_METRICS.gold.table.name, SALES_METRICS.table.name, "gold.other")
    assert [catalog.gold_by(name) for name in names] == [SALES_METRICS.gold, SALES_METRICS.gold, None]
