"""Docs: the pages that `dbt docs` makes of a project, in one file that any browser opens.

Belongs here: where they lie and how a model's page is named, when they are made, and of what: of the project and the
contracts alone, never of data, so they stay as long as these do.
Does not: who is sent there (orchestration.assets.dbt, cli.dbt).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DUCKDB_LIMITS, DuckDBLimits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.duckdb_views import connect, make_empty_view
from medallion_assets.deriving.dbt.project import Call, dbt_versions, one_at_a_time, prepared_specs, project_digest
from medallion_assets.deriving.dbt.specs import ModelSpec
from medallion_assets.storage.workspace import workspace

FOLDER, FILE, MADE_OF = "dbt_docs", "index.html", "made_of.txt"
NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


@dataclass(frozen=True, kw_only=True)
class DocsPlace:
    """Where the pages of every project lie; `url` is where that folder is served, or empty."""

    folder: Path
    url: str = ""

    def file(self, models: DbtModels) -> Path:
        """The one file of a project."""
        return self.folder / models.name / FILE

    def page(self, models: DbtModels, model: ModelSpec) -> str:
        """The address of a model's page: where it is served, else that of the file on this machine."""
        served = f"{self.url}/{models.name}/{FILE}" if self.url else self.file(models).as_uri()
        return f"{served}#!/model/{model.unique_id}"


def write_changed_docs(models: DbtModels, place: DocsPlace, *, limits: DuckDBLimits = DUCKDB_LIMITS) -> bool:
    """Write the pages unless they are there, made of the same project, contracts and dbt; give whether it did.

    Raises:
        PermanentError, OSError: as `write_docs` does.
    """
    file = place.file(models)
    try:
        is_same = file.is_file() and (file.parent / MADE_OF).read_text() == _made_of(models)
    except FileNotFoundError:
        is_same = False
    if not is_same:
        write_docs(models, place, limits=limits)
    return not is_same


def write_docs(models: DbtModels, place: DocsPlace, *, limits: DuckDBLimits = DUCKDB_LIMITS) -> Path:
    """Write the pages; give their file. Models are made of sources without rows, to learn columns and types.

    Raises:
        PermanentError: dbt cannot read the project, or it was not prepared as it is now.
        OSError: the folder cannot be written.
    """
    made_of = _made_of(models)
    with workspace() as run, one_at_a_time():
        call = Call(project=models.project, run=run, limits=limits)
        with connect(call.database) as connection:
            for table in models.sources:
                make_empty_view(connection, table)
        manifest = call.manifest()
        call.invoke("build", *NO_TESTS, manifest=manifest)
        call.invoke("compile", manifest=manifest)
        _describe(call.manifest_json, models)
        call.invoke("docs", "generate", "--static", "--no-compile", manifest=manifest)
        file = place.file(models)
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".{FILE}.{os.getpid()}")
        shutil.copyfile(run / "target" / "static_index.html", beside)
        beside.replace(file)
        (file.parent / MADE_OF).write_text(made_of)
    return file


def _describe(manifest: Path, models: DbtModels) -> None:
    """Let pages say what contracts say of published models, where the project itself says nothing."""
    said = json.loads(manifest.read_text())
    specs = prepared_specs(models)
    for table in models.models:
        node = said["nodes"][specs.model(table.short_name).unique_id]
        node["description"] = node["description"] or table.description
        for column in table.columns:
            known = node["columns"].setdefault(column.name, {"name": column.name, "meta": {}, "tags": []})
            known["description"] = known.get("description") or column.description
    manifest.write_text(json.dumps(said))


def _made_of(models: DbtModels) -> str:
    contracts = [_described(table) for table in (*models.sources, *models.models)]
    made_of = [project_digest(models.project), dbt_versions(), contracts]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def _described(table: Table) -> Mapping[str, Any]:
    columns = [(column.name, repr(column.type), column.description) for column in table.columns]
    return {"name": table.name, "description": table.description, "columns": columns}
