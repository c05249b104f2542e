"""Warehouses: where dbt makes its models, as the steps around it see it.

Belongs here: the few verbs.
Does not: how a warehouse keeps its promises, which one a lakehouse has, or the steps.

Whatever computed them, models are read through a connection of DuckDB afterwards: so there is one export, one question
whether a contract is kept, and one way to keep rows at fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DuckDBLimits
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.dbt.built import Build
from medallion_assets.errors import MedallionError

if TYPE_CHECKING:  # they bring DuckDB and dbt, which are heavy
    import duckdb
    from dbt.contracts.graph.manifest import Manifest

Paths = Mapping[str, Sequence[str]]
"""The files to read of some sources, by the table's name."""


class Warehouse(Protocol):
    """Where dbt makes its models in one run, whose folder is `run`."""

    @property
    def adapter(self) -> str:
        """What dbt calls it."""
        ...

    def output(self, run: Path, limits: DuckDBLimits) -> dict[str, Any]:
        """How dbt connects to it: the one target of the run's profile."""
        ...

    def connected(self) -> AbstractContextManager[None]:
        """What a call of dbt needs around it; no connection is left behind."""
        ...

    def fit(self, manifest: Manifest) -> None:
        """Bring a parsed project to where relations lie in this run."""
        ...

    def make_sources(self, run: Path, sources: Sequence[Snapshot], paths: Paths) -> None:
        """Make a view of each source, over exactly the files that its snapshot names, or over those of `paths`."""
        ...

    def rows_in(self, node: Any) -> str | None:
        """How the connection of `made` calls what a node of dbt made."""
        ...

    def no_room_error(self, what: str, said: str) -> MedallionError | None:
        """The error for its words about memory, a disk or a process; None for others: the SQL is wrong."""
        ...

    def made(
        self, run: Path, limits: DuckDBLimits, models: DbtModels, built: Build
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A connection to what was made: the models that are published, or the rows at fault of tests that failed."""
        ...
