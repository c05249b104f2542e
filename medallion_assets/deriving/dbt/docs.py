"""Docs: the pages that `dbt docs` makes of a project, in one file that any browser opens.

Belongs here: when they are made, and of what: of the project and the contracts alone, never of data, so they stay as
long as these do. What a page is made of stands at its end, and so comes and goes with it.
Does not: where they lie.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DUCKDB_LIMITS, DuckDBLimits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.duckdb.views import connect, make_empty_view
from medallion_assets.deriving.dbt.docs_place import FILE, DocsPlace
from medallion_assets.deriving.dbt.project import (
    NO_FILES,
    Call,
    dbt_versions,
    one_at_a_time,
    prepared_specs,
    project_digest,
)
from medallion_assets.errors import PermanentError
from medallion_assets.storage.workspace import workspace

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


def write_changed_docs(models: DbtModels, place: DocsPlace, *, limits: DuckDBLimits = DUCKDB_LIMITS) -> bool:
    """Write the pages unless they are there, made of the same project, contracts and dbt; give whether it did.

    Raises:
        PermanentError, OSError: as `write_docs` does.
    """
    file = place.file(models)
    is_same = file.is_file() and file.read_bytes().endswith(_made_of(models))
    if not is_same:
        write_docs(models, place, limits=limits)
    return not is_same


def write_docs(models: DbtModels, place: DocsPlace, *, limits: DuckDBLimits = DUCKDB_LIMITS) -> Path:
    """Write the pages; give their file. Models are made of sources without rows, to learn columns and types.

    Raises:
        PermanentError: dbt cannot read the project, it was not prepared as it is now, or DuckDB cannot work there.
        OSError: the folder cannot be written.
    """
    made_of = _made_of(models)
    with workspace() as run, one_at_a_time():
        call = Call(project=models.project, run=run, limits=limits)
        _make_empty_sources(call, models)
        manifest = call.manifest()
        # A model that cannot be made without rows has a page nevertheless, without types.
        call.invoke("build", *NO_TESTS, NO_FILES, manifest=manifest)
        _expect_success(call, "compile", manifest=manifest)
        _describe(call.manifest_json, models)
        _expect_success(call, "docs", "generate", "--static", "--no-compile", manifest=manifest)
        page = (run / "target" / "static_index.html").read_bytes()
    file = place.file(models)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{FILE}.{uuid4().hex}")
    try:
        beside.write_bytes(page + made_of)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    return file


def _make_empty_sources(call: Call, models: DbtModels) -> None:
    try:
        with connect(call.database) as connection:
            for table in models.sources:
                make_empty_view(connection, table)
    except duckdb.Error as error:
        raise PermanentError(
            f"dbt docs of {models.name} cannot be made",
            expected=f"a DuckDB file in {call.run} with its sources",
            found=str(error),
            do="look whether the temporary folder (TMPDIR) can be written; then `medallion dbt-docs`",
        ) from error


def _expect_success(call: Call, command: str, *options: str, manifest: Manifest) -> None:
    """Call dbt, and refuse what it did not finish: the page would lack it."""
    result = call.invoke(command, *options, manifest=manifest)
    if not result.success:
        failed = [node for node in getattr(result.result, "results", None) or () if str(node.status) == "error"]
        raise PermanentError(
            f"dbt docs of {call.project.name} cannot be made",
            expected=f"`dbt {command}` succeeds",
            found="; ".join(f"{node.node.name}: {node.message}" for node in failed) or "it does not",
            do="correct what it names; then `medallion dbt-docs`",
        )


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


def _made_of(models: DbtModels) -> bytes:
    """What a page ends with that is made of the present project, contracts and dbt."""
    contracts = [_described(table) for table in (*models.sources, *models.models)]
    parts = [project_digest(models.project), dbt_versions(), contracts]
    return f"\n<!-- made of {hashlib.sha256(json.dumps(parts).encode()).hexdigest()} -->\n".encode()


def _described(table: Table) -> Mapping[str, Any]:
    columns = [(column.name, repr(column.type), column.description) for column in table.columns]
    return {"name": table.name, "description": table.description, "columns": columns}
