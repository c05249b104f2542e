"""Preparing a dbt project: the files in it that follow from contracts, or from the project itself.

Belongs here: what `medallion dbt-prepare` writes, as texts, and reading the specifications from dbt's manifest.
Does not: writing them where nobody asked for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.deriving.dbt import specs
from medallion_assets.deriving.dbt.preparing import shared, sources
from medallion_assets.deriving.dbt.preparing.lineage import Lineage
from medallion_assets.deriving.dbt.project import Call, Report, project_digest, ship_parsed
from medallion_assets.deriving.dbt.specs import CheckSpec, ModelSpec, Specs, specs_text
from medallion_assets.errors import PermanentError
from medallion_assets.storage.workspace import workspace

Node = Mapping[str, Any]
Translate = Callable[[Specs, DbtModels, Node], Specs]


def prepare(
    models: DbtModels,
    *,
    ship: bool = False,
    report: Report = lambda _: None,
    translate: Translate = lambda specs, _models, _manifest: specs,
) -> list[Path]:
    """Write the files of a project that are made, and remove those that are not any more; give all of these.

    With `ship` what was parsed of it is written too.

    `translate` adds to the specifications what only Dagster's own libraries know.

    Raises:
        PermanentError: the project cannot be parsed, or lacks a model that is declared.
    """
    texts = generated_texts(models)
    changed = [*_remove_others(models.project, texts), *_write(models.project, texts)]
    with workspace() as run:
        call = Call(project=models.project, run=run, report=report)
        changed += _write(models.project, {specs.FILE: specs_text(read_project(call, models, translate))})
        specs.read_specs.cache_clear()
        if ship:
            changed += ship_parsed(call)
    return changed


def generated_texts(models: DbtModels) -> dict[str, str]:
    """The files of a project that follow from contracts and other libraries, by their path below it."""
    made = {path: text() for path, text in models.generated.items()} | shared.shared_texts(models.project)
    return {**sources.source_texts(models.sources), **made}


def read_project(
    call: Call, models: DbtModels, translate: Translate = lambda specs, _models, _manifest: specs
) -> Specs:
    """The specifications of a project, as dbt parses and compiles it.

    Raises:
        PermanentError: the project cannot be parsed, or lacks a model that is declared.
    """
    call.invoke("compile", "--no-introspect", manifest=call.manifest())
    manifest = json.loads(call.manifest_json.read_text())
    return translate(_Project(manifest=manifest, models=models).specs(), models, manifest)


def _remove_others(project: Path, texts: Mapping[str, str]) -> Iterator[Path]:
    """Remove what was generated before and is not now: a source went, or the project has that macro itself."""
    for pattern in (*shared.GENERATED, *sources.GENERATED):
        for file in sorted(project.glob(pattern)):
            is_ours = shared.MADE_BY in file.read_text().partition("\n")[0]
            if is_ours and file.relative_to(project).as_posix() not in texts:
                file.unlink()
                yield file


def _write(project: Path, texts: Mapping[str, str]) -> Iterator[Path]:
    for path, text in texts.items():
        file = project / path
        if not file.is_file() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            yield file


@dataclass(frozen=True, kw_only=True)
class _Project:
    """A manifest of dbt, as JSON, beside the declaration of its models."""

    manifest: Node
    models: DbtModels

    def specs(self) -> Specs:
        known = {node["name"]: node for node in self.manifest["nodes"].values() if node["resource_type"] == "model"}
        declared = [table.short_name for table in self.models.models]
        if missing := [name for name in declared if name not in known]:
            raise PermanentError(
                f"the dbt project {self.models.project.name} lacks models that are declared",
                expected=f"models {', '.join(declared)}",
                found=f"no {', '.join(missing)}",
                do="add them to the project, or take them out of DbtModels(...)",
            )
        self._expect_declared_sources()
        lineage = self._lineage()
        made = [
            ModelSpec(
                name=name,
                unique_id=known[name]["unique_id"],
                path=known[name]["original_file_path"],
                upstream=tuple(sorted(set(self._upstream(known[name])))),
                lineage=lineage[known[name]["unique_id"]],
            )
            for name in declared
        ]
        tests = sorted(self._tests(), key=lambda test: test.name)
        return Specs(models=tuple(made), tests=tuple(tests), digest=project_digest(self.models.project))

    def _expect_declared_sources(self) -> None:
        """A release names the versions that it was built from, which only what is declared has (rule D8)."""
        declared = {table.name for table in self.models.sources}
        found = {f"{node['source_name']}.{node['name']}" for node in self.manifest["sources"].values()}
        if others := sorted(found - declared):
            raise PermanentError(
                f"the dbt project {self.models.project.name} has sources that are not declared",
                expected=f"the sources of DbtModels: {', '.join(sorted(declared))}",
                found=", ".join(others),
                do="add their tables to sources of DbtModels(...), or take them out of the project",
            )

    def _tests(self) -> Iterator[CheckSpec]:
        for node in self.manifest["nodes"].values():
            if node["resource_type"] == "test":
                severity = str(node["config"].get("severity", "error")).lower()
                yield self._check(node, node.get("description") or _sentence(node), is_warning=severity == "warn")
        for node in self.manifest["unit_tests"].values():
            yield self._check(node, node.get("description") or _sentence(node), is_warning=False)

    def _check(self, node: Node, description: str, *, is_warning: bool) -> CheckSpec:
        is_of_source = str(node.get("file_key_name") or "").startswith("sources.")
        return CheckSpec(
            name=node["name"],
            model=self._checked_model(node),
            description=description.strip(),
            is_warning=is_warning,
            source=".".join(node["sources"][0]) if is_of_source else None,
            column=node.get("column_name"),
        )

    def _checked_model(self, node: Node) -> str:
        """The published model that a test is a check of: the one it is attached to, else the last that it reads.

        What reads sources or models that are not published alone is a check of the first model made from them.
        """
        declared = [table.short_name for table in self.models.models]
        parents = set(node["depends_on"]["nodes"])
        attached = self.manifest["nodes"].get(node.get("attached_node") or "", {}).get("name")
        if attached in declared:
            return str(attached)
        published = {self._node(parent)["name"]: parent for parent in parents if parent in self.manifest["nodes"]}
        if found := [name for name in declared if name in published]:
            return found[-1]
        for name in declared:
            (own,) = (uid for uid, model in self.manifest["nodes"].items() if self._is_model(model, name))
            if parents & set(self._ancestors(own)):
                return name
        return declared[0]

    def _is_model(self, node: Node, name: str) -> bool:
        return bool(node["resource_type"] == "model" and node["name"] == name)

    def _ancestors(self, unique_id: str) -> Iterator[str]:
        for parent in self._node(unique_id).get("depends_on", {}).get("nodes", []):
            yield parent
            yield from self._ancestors(parent)

    def _upstream(self, node: Node) -> Iterator[str]:
        """The tables that a model is made from: sources, and models that are published."""
        for parent in map(self._node, node["depends_on"]["nodes"]):
            if (name := self._published_name(parent)) is not None:
                yield name
            elif parent["resource_type"] == "model":
                yield from self._upstream(parent)

    def _published_name(self, node: Node) -> str | None:
        if node["resource_type"] == "source":
            return f"{node['source_name']}.{node['name']}"
        published = {table.short_name: table.name for table in self.models.models}
        return published.get(node["name"]) if node["resource_type"] == "model" else None

    def _lineage(self) -> dict[str, dict[str, tuple[tuple[str, str], ...]]]:
        ends = {_relation(node): name for node in self._all() if (name := self._published_name(node)) is not None}
        lineage = Lineage(ends=ends.__contains__)
        contracts = {table.name: table for table in self.models.sources}
        found = {}
        for node in self._in_order():
            if node["resource_type"] == "model":
                columns = lineage.add_model(_relation(node), node["compiled_code"])
                found[node["unique_id"]] = {
                    name: tuple((ends[relation], column) for relation, column in pairs)
                    for name, pairs in columns.items()
                }
            elif (table := contracts.get(ends.get(_relation(node), ""))) is not None:
                lineage.add_table(_relation(node), list(table.column_names))
            else:
                lineage.add_table(_relation(node), list(node["config"].get("column_types") or node["columns"]))
        return found

    def _in_order(self) -> Iterator[Node]:
        """Every relation after those that it is made from."""
        seen: set[str] = set()
        for node in self._all():
            for unique_id in (*reversed(list(self._ancestors(node["unique_id"]))), node["unique_id"]):
                if unique_id not in seen:
                    seen.add(unique_id)
                    yield self._node(unique_id)

    def _all(self) -> list[Node]:
        kinds = ("model", "seed")
        nodes = [node for node in self.manifest["nodes"].values() if node["resource_type"] in kinds]
        return [*self.manifest["sources"].values(), *nodes]

    def _node(self, unique_id: str) -> Node:
        found: Node = {**self.manifest["sources"], **self.manifest["nodes"]}[unique_id]
        return found


def _relation(node: Node) -> str:
    name = node["identifier"] if node["resource_type"] == "source" else node["alias"]
    return f"{node['schema']}.{name}"


def _sentence(node: Node) -> str:
    """The comment that a test's SQL begins with, else its name in words."""
    lines = []
    for line in node.get("raw_code", "").splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines) or node["name"].replace("_", " ")
