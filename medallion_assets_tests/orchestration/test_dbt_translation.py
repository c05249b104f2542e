"""A translator of dagster-dbt says what models look like, where the contract leaves room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DUCKDB_LIMITS
from medallion_assets.deriving.dbt.docs_place import DocsPlace
from medallion_assets.deriving.dbt.specs import CheckSpec, ModelSpec, ShownAs, Specs, read_specs, specs_text
from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.assets.dbt import dbt_assets
from medallion_assets.pipelines.star_schema.models import STAR

pytestmark = pytest.mark.xdist_group("dbt")
MODEL = {
    "resource_type": "model",
    "name": "dim_date",
    "unique_id": "model.s.dim_date",
    "config": {"schema": "gold", "materialized": "table"},
    "tags": ["calendar"],
    "meta": {"dagster": {"owners": ["team:time"]}},
    "fqn": ["s", "dim_date"],
    "depends_on": {"nodes": []},
}
TEST = {
    "resource_type": "test",
    "name": "days_are_whole",
    "unique_id": "test.s.days_are_whole",
    "attached_node": "model.s.dim_date",
    "depends_on": {"nodes": ["model.s.dim_date"]},
    "meta": {"description": "no hours"},
    "config": {},
}
MANIFEST: dict[str, Any] = {
    "metadata": {"adapter_type": "duckdb", "project_name": "s"},
    "nodes": {node["unique_id"]: node for node in (MODEL, TEST)},
    "sources": {},
    "parent_map": {"test.s.days_are_whole": ["model.s.dim_date"]},
}
SPECS = Specs(
    models=(ModelSpec(name="dim_date", unique_id="model.s.dim_date", path="models/dim_date.sql", upstream=()),),
    tests=(CheckSpec(name="days_are_whole", model="dim_date", description="days are whole"),),
)
DATES = replace(STAR, name="dates", models=(STAR.model("dim_date"),), by_month=None, generated={})


def named(translator: str) -> str:
    return f"medallion_assets_tests.orchestration.dbt_translators:{translator}"


def translated(models: DbtModels) -> Specs:
    from medallion_assets.orchestration import dbt_translation  # it takes seconds: not when tests are collected

    return dbt_translation.translated(SPECS, models, MANIFEST)


def test_without_a_translator_the_project_adds_what_the_contract_does_not_say() -> None:
    specs = translated(DATES)
    assert specs.models[0].shown == ShownAs(owners=("team:time",), tags={"calendar": ""})
    assert [test.description for test in specs.tests] == ["no hours"]


def test_a_translator_of_the_users_is_followed_by_the_asset(tmp_path: Path) -> None:
    own = replace(DATES, project=tmp_path, translator=named("Translator"))
    (tmp_path / "medallion.json").write_text(specs_text(translated(own)))
    assert read_specs(tmp_path) == translated(own)

    (asset,) = dbt_assets(own, DUCKDB_LIMITS, DocsPlace(folder=tmp_path)).specs
    assert (asset.description, asset.group_name, asset.owners) == ("our dim_date", "time", ["team:time"])
    assert asset.kinds == {"dbt", "deltalake", "gold"}
    assert asset.tags["calendar"] == ""
    assert asset.metadata["wiki"] == dg.MetadataValue.url("http://wiki/dates")
    assert asset.metadata["dagster/column_schema"].columns[0].name == "date_key"


def test_a_translator_that_names_assets_otherwise_or_is_none_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"a key of its own.*mine/gold/dim_date"):
        translated(replace(DATES, translator=named("OtherKeys")))
    with pytest.raises(PermanentError, match="translator 'json:loads' that is not one"):
        translated(replace(DATES, translator="json:loads"))


def test_metadata_of_a_usual_name_is_shown_where_the_translator_says_otherwise() -> None:
    shown = translated(replace(DATES, translator=named("OtherWords"))).models[0].shown
    usual = translated(DATES).models[0].shown
    assert "ours" in shown.metadata
    assert usual.metadata == ""


def test_what_a_translator_raises_is_said_with_its_name_and_the_model() -> None:
    with pytest.raises(PermanentError, match=r"Raising fails at model\.s\.dim_date.*KeyError: 'wiki'"):
        translated(replace(DATES, translator=named("Raising")))
