"""The pages of dbt docs: of the project and the contracts, without any data."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from medallion_assets.deriving.dbt import docs
from medallion_assets.deriving.dbt.docs import write_changed_docs, write_docs
from medallion_assets.deriving.dbt.docs_place import DocsPlace
from medallion_assets.deriving.dbt.specs import read_specs
from medallion_assets.errors import PermanentError
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
    assert [file.name for file in (tmp_path / STAR.name).iterdir()] == ["index.html"]

    written: list[str] = []
    monkeypatch.setattr(docs, "write_docs", lambda models, *_, **__: written.append(models.name))
    assert not write_changed_docs(STAR, place)
    other = replace(STAR, models=(replace(STAR.models[0], description="another"), *STAR.models[1:]))
    assert write_changed_docs(other, place)
    assert written == ["star_schema"]


def test_a_page_of_something_else_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is made of stands in itself: a page that another process put there meanwhile brings its own."""
    place = DocsPlace(folder=tmp_path)
    page = place.file(STAR)
    page.parent.mkdir()
    written: list[str] = []
    monkeypatch.setattr(docs, "write_docs", lambda models, *_, **__: written.append(models.name))
    for content in (b"", b"\xff of an older project", b"<html>\n<!-- made of another -->\n"):
        page.write_bytes(content)
        assert write_changed_docs(STAR, place)
    page.write_bytes(b"<html>" + docs._made_of(STAR))
    assert not write_changed_docs(STAR, place)
    assert len(written) == 3


def test_what_duckdb_refuses_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes it as a warning, for its tables are published already."""

    def refuse(*_: object) -> None:
        raise duckdb.IOException("cannot write")

    monkeypatch.setattr(docs, "make_empty_view", refuse)
    with pytest.raises(PermanentError, match=r"dbt docs of star_schema cannot be made.*cannot write"):
        write_docs(STAR, DocsPlace(folder=tmp_path))
    assert list(tmp_path.iterdir()) == []


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
