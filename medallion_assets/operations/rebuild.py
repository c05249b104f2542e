"""Rebuild: which tables can be made again, and by whom.

Belongs here: finding a table by the name that a person types, and handing it to its layer.
Does not: rebuilding.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.policies import DUCKDB_LIMITS, DuckDBLimits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.replacing.replacement import Progress
from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.changed_days import rebuild_derived
from medallion_assets.deriving.rebuild import rebuild_gold
from medallion_assets.errors import CommitConflictError, PermanentError
from medallion_assets.operations.stages import Kind, Stage, stages
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.rebuilding.rebuild_bronze import rebuild_bronze


@dataclass(frozen=True, kw_only=True)
class RebuildRequest:
    """What a person asked for: `why`, and whether anything is written.

    `accept_all`: batches that fail the gate come in; `drop_lost`: those that Bronze has lost are left out;
    `drop_foreign`: those of Bronze that are of another source are taken out.
    """

    why: str
    accept_all: bool = False
    drop_lost: bool = False
    drop_foreign: bool = False
    dry_run: bool = False


def rebuildable(catalog: Catalog) -> list[Stage]:
    """The stages whose table is made from what lies before it, in the order in which data flows."""
    return [stage for stage in stages(catalog) if stage.kind != "serving"]


def rebuildable_table(catalog: Catalog, name: str) -> Table:
    """The table of that name: `customers` (the Silver table), `silver.customers` or `silver/customers`.

    Raises:
        PermanentError: no table has that name, or nothing lies before it; the message lists those that there are.
    """
    known = rebuildable(catalog)
    found = [stage.table for stage in known if name in (stage.table.name, stage.table.path)]
    found += [stage.table for stage in known if name == stage.table.short_name and stage.kind != "bronze"]
    if not found:
        raise PermanentError(
            "no table of that name can be rebuilt",
            expected=f"one of {', '.join(stage.table.name for stage in known)}",
            found=repr(name),
            do="name one of these",
        )
    return found[0]


def rebuild(
    lakehouse: Lakehouse,
    raw_url: str,
    table: Table,
    request: RebuildRequest,
    *,
    now: datetime,
    limits: DuckDBLimits = DUCKDB_LIMITS,
    progress: Progress = lambda _what, _done, _total: None,
) -> Rebuilt:
    """Rebuild a table from its sources, as one new version of the same table, or say what that would change.

    `limits` are those of DuckDB, where dbt models are built.

    Raises:
        QualityGateError: a batch fails the gate by the current contract, and nobody has accepted it.
        PermanentError: there is no reason, a table is missing, Bronze has lost batches, or an option does not fit.
        CommitConflictError: other writers were faster, every time.
    """
    loaded = lakehouse.catalog.loaded_tables
    (kind,) = (stage.kind for stage in rebuildable(lakehouse.catalog) if stage.table.name == table.name)
    if (request.accept_all or request.drop_lost) and kind != "judged":
        raise PermanentError(
            f"{table.name} is not judged from batches",
            expected=f"accept_all or drop_lost for one of {', '.join(judged.name for judged in loaded)} alone",
            found=f"it for {table.name}",
            do="leave it out",
        )
    if request.drop_foreign and kind != "bronze":
        raise PermanentError(
            f"{table.name} does not contain batches",
            expected="drop_foreign for a Bronze table alone",
            do="leave it out",
        )
    try:
        return _rebuild(lakehouse, raw_url, table, kind, request, now, limits, progress)
    except CommitConflictError as error:
        raise CommitConflictError(
            error.what,
            where=error.where,
            expected=error.expected,
            found=error.found,
            do="rebuild when no run writes the table; or by the run config of its asset, which waits for its turn",
        ) from error


def _rebuild(
    lakehouse: Lakehouse,
    raw_url: str,
    table: Table,
    kind: Kind,
    request: RebuildRequest,
    now: datetime,
    limits: DuckDBLimits,
    progress: Progress,
) -> Rebuilt:
    why, dry_run = request.why, request.dry_run
    if kind == "bronze":
        return rebuild_bronze(
            lakehouse,
            raw_url,
            lakehouse.catalog.loaded_by(table.short_name),
            why=why,
            now=now,
            drop_foreign=request.drop_foreign,
            dry_run=dry_run,
            progress=progress,
        )
    if kind == "judged":
        return rebuild_judged(
            lakehouse,
            lakehouse.catalog.loaded_by(table.name),
            why=why,
            now=now,
            accept_all=request.accept_all,
            drop_lost=request.drop_lost,
            dry_run=dry_run,
            progress=progress,
        )
    if derived := lakehouse.catalog.derived_by(table):
        return rebuild_derived(lakehouse, derived, why=why, dry_run=dry_run, progress=progress)
    if models := lakehouse.catalog.built_by(table):
        from medallion_assets.deriving.dbt.rebuild import rebuild_models  # it brings dbt and DuckDB

        return rebuild_models(
            lakehouse, models, table, why=why, now=now, dry_run=dry_run, limits=limits, progress=progress
        )
    gold = lakehouse.catalog.gold_by(table.name)
    if gold is None:
        raise ValueError(table.name)
    return rebuild_gold(lakehouse, gold, why=why, dry_run=dry_run, progress=progress)
