"""Rebuilding dbt models: all of a build are made again by their present contracts, and published as one release.

Belongs here: that one table of them is asked for, compared, and may have other columns than its contract.
Does not: building, comparing or publishing.
"""

from __future__ import annotations

from datetime import datetime

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DUCKDB_LIMITS, DuckDBLimits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.replacing.replacement import REBUILT_NOTE, Progress
from medallion_assets.delta.replacing.table_changes import Comparison, Rebuilt
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.dbt.exporting.export import write_model
from medallion_assets.deriving.dbt.exporting.publish import Publication, new_release_id, publish
from medallion_assets.deriving.dbt.failures import keep_failures
from medallion_assets.deriving.dbt.project import prepared_specs
from medallion_assets.deriving.dbt.refresh import build_of
from medallion_assets.deriving.dbt.restating import RULES_NOTE, rules_of
from medallion_assets.errors.reasons import expect_reason


def rebuild_models(
    lakehouse: Lakehouse,
    models: DbtModels,
    table: Table,
    *,
    why: str,
    now: datetime,
    dry_run: bool = False,
    limits: DuckDBLimits = DUCKDB_LIMITS,
    progress: Progress = lambda _what, _done, _total: None,
) -> Rebuilt:
    """Make every model of a build again, from the latest versions of its sources; say what changes of `table`.

    The others are published with it, since a release is of one build. A dry run writes nothing at all.

    Raises:
        ModelTestsError: tests failed; nothing changed, and the rows at fault are kept but by a dry run.
        PermanentError: `why` is blank, or the table or a source has not been made yet.
        CommitConflictError: other builds were faster, every time.
    """
    expect_reason("the rebuild", why, where=table.name)
    prepared_specs(models)
    lakehouse.open_any(table)
    return until_committed(lambda: _rebuild(lakehouse, models, table, why, now, limits, progress, dry_run=dry_run))


def _rebuild(
    lakehouse: Lakehouse,
    models: DbtModels,
    table: Table,
    why: str,
    now: datetime,
    limits: DuckDBLimits,
    progress: Progress,
    *,
    dry_run: bool,
) -> Rebuilt:
    bases = [_base(lakehouse, model) for model in ((table,) if dry_run else models.models)]
    sources = [lakehouse.open(source) for source in models.sources]
    comparisons = {model.name: Comparison(table=model) for model in models.models}
    progress(f"building {models.name} again", 0, len(bases))
    with build_of(models, sources, limits=limits) as (built, connection):
        if built.failed and not dry_run:
            specs = prepared_specs(models)
            keep_failures(lakehouse, connection, models, specs, built.failed, run_id=None, now=now)
        built.expect_passed(rows_are_kept=not dry_run)
        written = []
        for number, base in enumerate(bases, start=1):
            written.append(write_model(connection, base, rebuild=comparisons[base.table.name], writes=not dry_run))
            progress(f"comparing {base.table.name}", number, len(bases))
    versions = {base.table.name: base.version for base in bases}
    if not dry_run:
        notes: dict[str, object] = {REBUILT_NOTE: {"why": why}, RULES_NOTE: rules_of(models)}
        publication = Publication(release_id=new_release_id(), sources=sources, models=written, notes=notes)
        versions |= publish(publication, build=models.name, run_id=None, now=now).versions
    changes = comparisons[table.name].finish()
    return Rebuilt(table=table.name, version=versions[table.name], dry_run=dry_run, changes=changes)


def _base(lakehouse: Lakehouse, table: Table) -> Snapshot:
    """The table as it lies there, whatever its columns; made where there is none yet."""
    return lakehouse.open_any(table) if lakehouse.exists(table) else lakehouse.ready(table)
