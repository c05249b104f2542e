"""Sandboxes: a folder in which a dbt of one's own reads Silver as it is now, and writes what is never published.

Belongs here: the DuckDB file with Silver as views, and the profile that names it.
Does not: calling dbt there, which is up to whoever asked for it: a shell, or dagster-dbt's DbtCliResource.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DUCKDB_LIMITS, DuckDBLimits
from medallion_assets.delta.duckdb.views import connect, make_view
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.project import Call
from medallion_assets.errors import PermanentError
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
        PermanentError: a source is not there or cannot be read, or the folder holds something else.
        TransientError: the storage did not answer.
    """
    folder = folder.absolute()
    call = Call(project=models.project, run=folder, limits=limits)
    _expect_ours(call)
    folder.mkdir(parents=True, exist_ok=True)
    call.database.unlink(missing_ok=True)
    with connect(call.database) as connection:
        for table in models.sources:
            make_view(connection, lakehouse.open(table), downloads=folder / "downloads")
    call.write_profile()


def _expect_ours(call: Call) -> None:
    """Refuse a folder with files of somebody else, whose profiles.yml would be lost; ours has our DuckDB file.

    One inside the project is refused too: its files would be some of the project's, which is then another one.
    """
    if call.run.resolve().is_relative_to(call.project.resolve()):
        found = "a folder inside the dbt project, which every build would refuse as changed"
    elif call.run.exists() and any(call.run.iterdir()) and not call.database.is_file():
        found = "files that do not belong to a sandbox"
    else:
        return
    raise PermanentError(
        f"{call.run} cannot be a sandbox",
        expected=f"an empty folder outside of the dbt project {call.project.name}, or a sandbox to make again",
        found=found,
        do="name another folder",
    )
