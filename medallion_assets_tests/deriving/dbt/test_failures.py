"""Rows at fault stay: under their test, with their key, and not all of them (rule D8)."""

from __future__ import annotations

import json
from pathlib import Path

from medallion_assets.delta.duckdb.views import connect
from medallion_assets.delta.row_tables.rows import read_rows
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.built import Build, Node
from medallion_assets.deriving.dbt.failures import DBT_FAILURES, ROWS_A_TEST, ModelFailure, keep_failures
from medallion_assets.deriving.dbt.specs import CheckSpec, Specs
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets_tests.deriving.dbt.planting import NOW

OF_FACTS = tuple(CheckSpec(name=name, model="fct_order_line", description="") for name in ("data", "unit"))
OF_ORDERS = CheckSpec(
    name="filled", model="fct_order_line", description="", source="silver.orders", column="net_amount"
)
SPECS = Specs(models=(), tests=(*OF_FACTS, OF_ORDERS))


def kept(lake: Lakehouse, *failed: Node, rows: int = 1) -> list[ModelFailure]:
    with connect() as connection:
        connection.execute(
            "create table at_fault as select 'o' || i as order_id, 1 as line_number, 1.5::decimal(18, 4) as net_amount "
            f"from range({rows}) numbers(i)"
        )
        keep_failures(lake, connection, STAR, SPECS, failed, run_id="run", now=NOW)
    return sorted(read_rows(lake, DBT_FAILURES), key=lambda row: (row.test, row.number))


def test_a_row_is_kept_with_its_key_as_json(tmp_path: Path) -> None:
    node = Node(name="data", kind="test", status="fail", failures=1, rows_in="at_fault")
    (row,) = kept(Lakehouse(url=str(tmp_path)), node)
    assert (row.run_id, row.failed_at, row.test, row.model) == ("run", NOW, "data", "gold.fct_order_line")
    assert json.loads(str(row.key)) == {"order_id": "o0", "line_number": 1}
    assert json.loads(row.row) == {"order_id": "o0", "line_number": 1, "net_amount": "1.5000"}


def test_a_row_of_a_source_is_kept_under_that_table_with_its_key_and_the_column(tmp_path: Path) -> None:
    node = Node(name="filled", kind="test", status="fail", failures=1, rows_in="at_fault")
    (row,) = kept(Lakehouse(url=str(tmp_path)), node)
    assert (row.model, row.column, json.loads(str(row.key))) == ("silver.orders", "net_amount", {"order_id": "o0"})


def test_of_very_many_rows_some_are_kept(tmp_path: Path) -> None:
    node = Node(name="data", kind="test", status="fail", failures=5000, rows_in="at_fault")
    assert len(kept(Lakehouse(url=str(tmp_path)), node, rows=5000)) == ROWS_A_TEST


def test_a_unit_test_says_what_differs_and_a_model_that_broke_has_no_rows(tmp_path: Path) -> None:
    unit = Node(name="unit", kind="unit_test", status="fail", failures=1, message="actual differs")
    model = Node(name="dim_customer", kind="model", status="error", message="Out of Range")
    (row,) = kept(Lakehouse(url=str(tmp_path)), unit, model)
    assert (row.test, row.key, json.loads(row.row)) == ("unit", None, {"message": "actual differs"})
    assert Build(nodes=(unit, model)).failed == [unit, model]
