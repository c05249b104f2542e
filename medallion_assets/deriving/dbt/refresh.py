"""Refreshing a star: from the versions that Silver has now to a complete release, or to nothing at all (rule D8).

Belongs here: the steps in their order.
Does not: any of them.

The tables are opened before their sources: a build that was published in between is noticed by its commit, and older
rows never replace newer ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DUCKDB_LIMITS, DuckDBLimits
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.duckdb_views import connect
from medallion_assets.delta.releases import Release
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.dbt.build import Build, build
from medallion_assets.deriving.dbt.export import Staged, stage_model
from medallion_assets.deriving.dbt.failures import keep_failures
from medallion_assets.deriving.dbt.project import Call, Report
from medallion_assets.deriving.dbt.publish import Publication, new_release_id, publish
from medallion_assets.deriving.dbt.specs import expect_models, read_specs
from medallion_assets.storage.workspace import workspace


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a refresh did. `release` is None when the build was not whole: then nothing was published.

    `staged` and `versions` are by the name of the table.
    """

    build: Build
    release: Release | None
    staged: Mapping[str, Staged]
    versions: Mapping[str, int]
    rows_in: int = 0
    failures_kept: int = 0


def refresh(
    lakehouse: Lakehouse,
    models: DbtModels,
    *,
    now: datetime,
    run_id: str | None = None,
    limits: DuckDBLimits = DUCKDB_LIMITS,
    report: Report = lambda _: None,
) -> Refreshed:
    """Build every model from the latest version of each source; publish them if all of it passed.

    Raises:
        PermanentError: the project or a model does not fit its declaration.
        CommitConflictError: other builds were faster, every time.
        TransientError: the storage did not answer.
    """
    expect_models(read_specs(models.project), models)
    return until_committed(lambda: _refresh(lakehouse, models, now, run_id, limits, report))


def _refresh(
    lakehouse: Lakehouse, models: DbtModels, now: datetime, run_id: str | None, limits: DuckDBLimits, report: Report
) -> Refreshed:
    bases = [lakehouse.ready(table) for table in models.models]
    sources = [lakehouse.source(table) for table in models.sources]
    with build_of(models, sources, limits=limits, report=report) as (built, connection):
        if built.failed:
            specs = read_specs(models.project)
            kept = keep_failures(lakehouse, connection, models, specs, built.failed, run_id=run_id, now=now)
            return Refreshed(build=built, release=None, staged={}, versions={}, failures_kept=kept)
        staged = [stage_model(connection, base) for base in bases]
    publication = Publication(release_id=new_release_id(), sources=sources, models=staged)
    published = publish(publication, build=models.name, run_id=run_id, now=now)
    return Refreshed(
        build=built,
        release=published.release,
        staged={model.table.name: model for model in staged},
        versions=published.versions,
        rows_in=sum(source.row_count for source in sources),
    )


@contextmanager
def build_of(
    models: DbtModels,
    sources: Sequence[Snapshot],
    *,
    limits: DuckDBLimits = DUCKDB_LIMITS,
    report: Report = lambda _: None,
) -> Iterator[tuple[Build, duckdb.DuckDBPyConnection]]:
    """Build all models from snapshots; what dbt did, and a connection to what it made, as long as the context lasts."""
    with workspace() as run:
        call = Call(project=models.project, run=run, limits=limits, report=report)
        built = build(call, sources)
        with connect(call.database) as connection:
            connection.execute(f"set memory_limit = '{limits.memory}'")
            connection.execute(f"set threads = {limits.threads}")
            yield built, connection
