"""In DuckDB: dbt makes its models in a file of the run, which is thrown away.

Belongs here: that file, and how dbt is connected to it.
Does not: views of snapshots, or what is read of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DuckDBLimits
from medallion_assets.delta.duckdb.views import SETTINGS, connect, make_view
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.dbt.built import Build
from medallion_assets.deriving.dbt.warehouses.warehouse import Paths
from medallion_assets.errors import DiskFullError, MedallionError, OutOfMemoryError

if TYPE_CHECKING:  # dbt takes seconds to import
    from dbt.contracts.graph.manifest import Manifest

DATABASE = "star.duckdb"
"""The name of the file is part of every relation's name in what was parsed: it is always this one."""


@dataclass(frozen=True)
class InDuckDB:
    """The warehouse that a machine has by itself."""

    adapter: str = "duckdb"

    def output(self, run: Path, limits: DuckDBLimits) -> dict[str, Any]:
        """The file of the run, within limits."""
        settings = {**SETTINGS, "memory_limit": limits.memory, "temp_directory": str(run / "spilled")}
        return {
            "type": self.adapter,
            "path": str(run / DATABASE),
            "schema": "main",
            "threads": limits.threads,
            "config_options": {"threads": limits.threads},
            "settings": settings,
        }

    @contextmanager
    def connected(self) -> Iterator[None]:
        """The file is closed afterwards, which dbt would not do."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        try:
            yield
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]

    def fit(self, manifest: Manifest) -> None:
        """Let seeds be read from anywhere: a path goes into SQL as it is, unless dbt-duckdb inserts the rows itself."""
        for node in manifest.nodes.values():
            if "'" in (getattr(node, "root_path", None) or ""):
                node.config["fast"] = False

    def make_sources(self, run: Path, sources: Sequence[Snapshot], paths: Paths) -> None:
        """Views in a new file; files of a bucket are downloaded."""
        (run / DATABASE).unlink(missing_ok=True)
        with connect(run / DATABASE) as connection:
            for source in sources:
                make_view(connection, source, downloads=run / "downloads", paths=paths.get(source.table.name))

    def rows_in(self, node: Any) -> str | None:
        """As dbt calls it."""
        name: str | None = getattr(node, "relation_name", None)
        return name

    def no_room_error(self, what: str, said: str) -> MedallionError | None:
        """Of memory, or of a disk."""
        if "No space left on device" in said or "max_temp_directory_size" in said:
            do = "free space in the temporary folder (TMPDIR); nothing was published"
            return DiskFullError(f"{what}: the disk is full", found=said, do=do)
        if "Out of Memory Error" in said:
            do = "set MEDALLION_DBT_MEMORY to more, or MEDALLION_DBT_THREADS to less; nothing was published"
            return OutOfMemoryError(f"{what}: out of memory", found=said, do=do)
        return None

    @contextmanager
    def made(
        self,
        run: Path,
        limits: DuckDBLimits,
        models: DbtModels,  # noqa: ARG002 - all of it is there
        built: Build,  # noqa: ARG002
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file itself."""
        with connect(run / DATABASE) as connection:
            connection.execute(f"set memory_limit = '{limits.memory}'")
            connection.execute(f"set threads = {limits.threads}")
            yield connection


IN_DUCKDB = InDuckDB()
