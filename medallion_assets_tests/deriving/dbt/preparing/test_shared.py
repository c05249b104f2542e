"""What a project of somebody else needs of our macros; its own hold."""

from __future__ import annotations

from pathlib import Path

import yaml

from medallion_assets.contracts.shipped import DBT_PROJECT
from medallion_assets.deriving.dbt.preparing.shared import DEFINED, FILES, shared_texts
from medallion_assets.deriving.dbt.preparing.sources import FILE, source_texts
from medallion_assets.pipelines.star_schema.models import STAR


def defined(text: str) -> set[str]:
    return {found[2] for found in DEFINED.finditer(text)}


def test_another_project_is_given_our_macros_and_tests(tmp_path: Path) -> None:
    for ours, copy in FILES.items():
        names = defined((DBT_PROJECT / ours).read_text())
        assert names
        assert defined(shared_texts(tmp_path)[copy]) == names
    assert shared_texts(DBT_PROJECT) == {}


def test_a_macro_of_the_projects_own_stays_the_only_one_of_its_name(tmp_path: Path) -> None:
    own = tmp_path / "macros" / "mine.sql"
    own.parent.mkdir()
    own.write_text("{% test unique_key(model, columns) %} select 1 {% endtest %}\n{% macro other() %}{% endmacro %}")
    for path, text in shared_texts(tmp_path).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    made = shared_texts(tmp_path)  # prepared again: what was written before is none of the project's own
    assert "unique_key" not in made["tests/generic/medallion_rows.sql"]
    assert defined(made["tests/generic/medallion_rows.sql"]) >= {"filled", "known"}
    assert defined(made["macros/medallion_schemas.sql"]) == {"generate_schema_name"}


def test_tests_of_generated_sources_are_none_of_dbts_own_names() -> None:
    """A project's own `not_null` takes none of our arguments."""
    (source,) = yaml.safe_load(source_texts(STAR.sources)[FILE])["sources"]
    tested = [part for table in source["tables"] for part in (table, *table["columns"])]
    kinds = {kind for part in tested for test in part.get("data_tests", []) for kind in test}
    assert kinds == {"unique_key", "filled", "known"}
