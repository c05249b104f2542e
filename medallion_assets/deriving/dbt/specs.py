"""Specifications: what is known of a dbt project without dbt, from one small JSON file beside it.

Belongs here: which models and tests there are, and what follows from what, as plain values.
Does not: making the file, or how Dagster shows it.

Importing dbt takes seconds, and so every process of Dagster would: the file is read instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from medallion_assets.contracts.documents import UnreadableDocumentError, from_json, to_json
from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.errors import PermanentError

FILE = "medallion.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """A test: of data, of a source, or a unit test. `model` is the published model that it is a check of.

    `source` is the table (`layer.table`) that a test of a source judges, `column` the one column that a test is of.
    """

    name: str
    model: str
    description: str
    is_warning: bool = False
    source: str | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAs:
    """What the project, or a translator, says of a model; where it says nothing the contract holds.

    `metadata` is text as Dagster serializes it.
    """

    description: str | None = None
    owners: tuple[str, ...] = ()
    group: str | None = None
    kinds: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A published model: its file below the project, the tables that it is made from, and its columns' lineage.

    `unique_id` is dbt's name of it. `upstream` are published models and sources, as `layer.table`. `lineage` has for
    each column the columns that it follows from, as pairs of `layer.table` and name.
    """

    name: str
    unique_id: str
    path: str
    upstream: tuple[str, ...]
    lineage: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    shown: ShownAs = ShownAs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Specs:
    """All of a project that is published, or tested. `digest` names the files that they were read from."""

    models: tuple[ModelSpec, ...]
    tests: tuple[CheckSpec, ...]
    digest: str = ""

    def model(self, name: str) -> ModelSpec:
        """The model of that name; KeyError when there is none."""
        return {model.name: model for model in self.models}[name]


def specs_text(specs: Specs) -> str:
    """The specifications as the text of their file."""
    return to_json(specs, indent=1) + "\n"


@cache
def read_specs(project: Path) -> Specs:
    """The specifications of a project.

    Raises:
        PermanentError: it has none, or they are of another release.
    """
    file = project / FILE
    try:
        return from_json(Specs, file.read_bytes())
    except (OSError, UnreadableDocumentError) as error:
        raise PermanentError(
            f"the dbt project {project.name} has no specifications of its models",
            expected=f"a file {file} of this release",
            found=repr(error),
            do="write it: `medallion dbt-prepare`",
        ) from error


def expect_models(specs: Specs, models: DbtModels) -> None:
    """Refuse specifications that are of other models than the declaration.

    Raises:
        PermanentError: with the models that differ.
    """
    declared, known = [table.short_name for table in models.models], [model.name for model in specs.models]
    if declared != known:
        raise PermanentError(
            f"the declared dbt models of {models.name} are not those that its project was prepared with",
            expected=", ".join(declared),
            found=", ".join(known),
            do="prepare it again: `medallion dbt-prepare`",
        )
