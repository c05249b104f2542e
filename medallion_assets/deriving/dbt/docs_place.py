"""The place of docs: where the pages of each dbt project lie, and how a model's page is named.

Belongs here: what Dagster shows of them when definitions load, so neither DuckDB nor dbt is imported.
Does not: making them, or who is sent there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.deriving.dbt.specs import ModelSpec

FOLDER, FILE = "dbt_docs", "index.html"


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
