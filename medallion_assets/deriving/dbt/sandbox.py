"""Sandboxes: a folder in which a dbt of one's own reads Silver as it is now, and writes what nobody publishes.

Belongs here: the DuckDB file with Silver as views, and the profile that names it.
Does not: calling dbt there, which is up to whoever asked for it: a shell, or dagster-dbt's DbtCliResource.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DUCKDB_LIMITS, DuckDBLimits
from medallion_assets.delta.duckdb_views import connect, make_view
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.project import Call
from medallion_assets.storage.workspace import workspace


@contextmanager
def sandbox(lakehouse: Lakehouse, models: DbtModels, *, limits: DuckDBLimits = DUCKDB_LIMITS) -> Iterator[Path]:
    """A folder to use as dbt's `--profiles-dir`, as long as the context lasts.

    Raises:
        PermanentError, TransientError: as `make_sandbox` does.
    """
    with workspace() as folder:
        make_sandbox(lakehouse, models, folder, limits=limits)
        yield folder


def make_sandbox(
    lakehouse: Lakehouse, models: DbtModels, folder: Path, *, limits: DuckDBLimits = DUCKDB_LIMITS
) -> None:
    """Write profiles.yml and a DuckDB file, in which each source is a view of its latest version.

    Files of a bucket are downloaded. The views read files that later versions may remove: it is good for hours.

    Raises:
        PermanentError: a source is not there, or cannot be read.
        TransientError: the storage did not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    call = Call(project=models.project, run=folder.absolute(), limits=limits)
    call.database.unlink(missing_ok=True)
    with connect(call.database) as connection:
        for table in models.sources:
            make_view(connection, lakehouse.source(table), downloads=folder / "downloads")
    call.write_profile()
