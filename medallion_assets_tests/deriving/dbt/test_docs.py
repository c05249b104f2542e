"""The pages of dbt docs: of the project and the contracts, without any data."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from medallion_assets.deriving.dbt import docs
from medallion_assets.deriving.dbt.docs import DocsPlace, write_changed_docs
from medallion_assets.deriving.dbt.specs import read_specs
from medallion_assets.pipelines.star_schema.models import STAR

pytestmark = pytest.mark.xdist_group("dbt")


@pytest.mark.slow
def test_pages_are_written_once_and_again_when_a_contract_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = DocsPlace(folder=tmp_path)
    assert write_changed_docs(STAR, place)
    text = place.file(STAR).read_text()
    for model in read_specs(STAR.project).models:
        assert json.dumps(model.unique_id) in text
    column = STAR.model("dim_customer").columns[0]
    assert column.description
    assert (
        json.dumps(column.description) in text
    )  # what the contract says, of a column that the project says nothing of
    assert re.search(r'"applies_from":\s*\{"type":\s*"TIMESTAMP WITH TIME ZONE"', text)  # what DuckDB says
    assert "compiled_code" in text
    assert [file.name for file in (tmp_path / STAR.name).iterdir()] in (
        ["index.html", "made_of.txt"],
        ["made_of.txt", "index.html"],
    )

    written: list[str] = []
    monkeypatch.setattr(docs, "write_docs", lambda models, *_, **__: written.append(models.name))
    assert not write_changed_docs(STAR, place)
    other = replace(STAR, models=(replace(STAR.models[0], description="another"), *STAR.models[1:]))
    assert write_changed_docs(other, place)
    assert written == ["star_schema"]


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("", "file:///home/me/a%20b/star_schema/index.html#!/model/model.star_schema.dim_customer"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1/star_schema/index.html#!/model/model.star_schema.dim_customer"),
    ],
)
def test_the_page_of_a_model_has_an_address(url: str, page: str) -> None:
    place = DocsPlace(folder=Path("/home/me/a b"), url=url)
    assert place.page(STAR, read_specs(STAR.project).model("dim_customer")) == page
