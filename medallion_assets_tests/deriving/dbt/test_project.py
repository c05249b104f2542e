"""What was parsed of a project comes with it, and counts as long as it is of its files and of this dbt."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from medallion_assets.deriving.dbt import project
from medallion_assets.deriving.dbt.prepare import prepare
from medallion_assets.deriving.dbt.project import PARSED_OF, Call
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.star_schema.models import STAR

pytestmark = pytest.mark.xdist_group("dbt")


@pytest.mark.slow
def test_a_parsed_project_that_comes_with_its_files_spares_parsing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = replace(STAR, project=tmp_path / "project")
    shutil.copytree(STAR.project, models.project, ignore=shutil.ignore_patterns("target"))
    said: list[str] = []
    assert [file.name for file in prepare(models, ship=True, report=said.append)] == [
        "partial_parse.msgpack",
        "parsed_of.json",
    ]
    assert said == ["project comes without what was parsed of it; it is parsed now"]

    moved = tmp_path / "elsewhere" / "project"
    shutil.copytree(models.project, moved)
    call = Call(project=moved, run=tmp_path, report=said.append)
    seed = call.manifest().nodes["seed.star_schema.us_holidays"]
    assert len(said) == 1
    assert getattr(seed, "root_path", None) == str(moved)

    parsed_of = moved / PARSED_OF
    parsed_of.write_text(json.dumps(json.loads(parsed_of.read_text()) | {"dbt-core": "1.0.0"}))
    monkeypatch.setattr(project, "_PARSED", {})
    call.manifest()
    assert said[1:] == ["project has changed since it was parsed, or dbt has; it is parsed anew"]


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="there is no dbt project"):
        project.project_digest(tmp_path)
