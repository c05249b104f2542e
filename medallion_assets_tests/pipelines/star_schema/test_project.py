"""The dbt project says what the contracts say, and its specifications what dbt says of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from medallion_assets.deriving.dbt.preparing.prepare import generated_texts, read_project
from medallion_assets.deriving.dbt.preparing.sources import source_texts
from medallion_assets.deriving.dbt.project import Call
from medallion_assets.deriving.dbt.specs import FILE, expect_models, read_specs, specs_text
from medallion_assets.pipelines.star_schema.models import PROJECT, STAR

pytestmark = pytest.mark.xdist_group("dbt")  # importing dbt takes seconds
AGAIN = "it was changed, or what it follows from was: medallion dbt-prepare writes it again"


def test_files_that_are_made_are_as_they_would_be_made_now() -> None:
    made = generated_texts(STAR)
    assert {path: (PROJECT / path).read_text() for path in made} == made, AGAIN
    of_sources = {file.relative_to(PROJECT).as_posix() for file in PROJECT.glob("models/sources/*")}
    assert of_sources
    assert of_sources < made.keys()


@pytest.mark.slow
def test_specifications_are_those_of_the_project(tmp_path: Path) -> None:
    specs = read_project(Call(project=PROJECT, run=tmp_path), STAR)
    assert (PROJECT / FILE).read_text() == specs_text(specs), f"{FILE}: {AGAIN}"


def test_every_column_has_its_lineage() -> None:
    specs = read_specs(PROJECT)
    expect_models(specs, STAR)
    facts = specs.model("fct_order_line").lineage
    assert set(facts) == set(STAR.model("fct_order_line").column_names)
    assert facts["net_amount"] == tuple(("silver.order_lines", name) for name in ("discount", "quantity", "unit_price"))
    assert ("gold.dim_customer", "customer_key") in facts["customer_key"]
    assert specs.model("mart_revenue").lineage["segment"] == (("gold.dim_customer", "segment"),)


def test_every_test_is_a_check_of_a_published_model() -> None:
    specs = read_specs(PROJECT)
    of_model = {test.name: test.model for test in specs.tests}
    assert of_model["orders_key_is_unique"] == "fct_order_line"
    assert of_model["crm_customers_city_is_filled"] == "dim_customer"
    assert of_model["mart_equals_facts"] == "mart_revenue"
    assert of_model["versions_of_a_customer"] == "dim_customer"
    assert [test.name for test in specs.tests if test.is_warning] == ["lines_have_orders"]


def test_each_promise_of_a_contract_is_a_test_of_its_own() -> None:
    """So the one that fails names its column; what tells rows apart is one of several columns."""
    found = [(test.source, test.column) for test in read_specs(PROJECT).tests if test.source is not None]
    required = [(table.name, column.name) for table in STAR.sources for column in table.columns if not column.nullable]
    keys = [(table.name, None) for table in STAR.sources]
    assert sorted(map(str, found)) == sorted(map(str, [*required, *keys, ("silver.orders", "status")]))


def test_a_pass_over_the_files_of_a_source_finds_all_that_tests_of_its_columns_may() -> None:
    orders = source_texts(STAR.sources)["models/sources/silver_orders_at_fault.sql"]
    assert "order_id is null\n    or status is null\n" in orders
    assert orders.endswith("or status not in ('completed', 'shipped', 'pending', 'cancelled', 'returned')\n")


def test_a_wheel_has_the_project_where_the_package_looks_for_it() -> None:
    repository = PROJECT.parent
    told = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert told["force-include"][PROJECT.name] == f"medallion_assets/{PROJECT.name}"
