"""What preparing a project writes, removes and refuses, without dbt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medallion_assets.deriving.dbt.preparing.prepare import _Project, _remove_others, _write, generated_texts
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.star_schema.models import STAR


def test_what_was_generated_before_goes_and_what_is_the_projects_own_stays(tmp_path: Path) -> None:
    own = replace(STAR, project=tmp_path, generated={})
    (tmp_path / "macros").mkdir()
    (tmp_path / "models" / "sources").mkdir(parents=True)
    (tmp_path / "macros" / "medallion_mine.sql").write_text("{% macro mine() %}{% endmacro %}")
    list(_write(tmp_path, generated_texts(own)))
    assert list(_remove_others(tmp_path, generated_texts(own))) == []

    (tmp_path / "macros" / "own.sql").write_text("{% macro generate_schema_name(a, b) %}gold{% endmacro %}")
    fewer = replace(own, sources=STAR.sources[1:])
    gone = [file.relative_to(tmp_path).as_posix() for file in _remove_others(tmp_path, generated_texts(fewer))]
    table = STAR.sources[0]
    assert gone == ["macros/medallion_schemas.sql", f"models/sources/silver_{table.short_name}_at_fault.sql"]
    assert {file.name for file in (tmp_path / "macros").iterdir()} == {"medallion_mine.sql", "own.sql"}


def test_a_source_that_is_not_declared_is_refused() -> None:
    """No release could name its version, and no contract says how to show the rows that its tests find."""
    sources = {"source.p.silver.lists": {"source_name": "silver", "name": "lists"}}
    nodes = {table.name: {"name": table.short_name, "resource_type": "model"} for table in STAR.models}
    with pytest.raises(PermanentError, match=r"sources that are not declared.*found: silver\.lists"):
        _Project(manifest={"sources": sources, "nodes": nodes, "unit_tests": {}}, models=STAR).specs()
