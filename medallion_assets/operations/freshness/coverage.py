"""Coverage: how far the data of every stage reach (rules V1 to V3).

Belongs here: reading it: of Bronze and Silver from what they hold, of what is made of them from its commits, and of
serving from the attempts that published, or what the monitor kept of them; where nobody can ever know it.
Does not: whether that is far enough.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.coverage import NOTHING, UNKNOWN, Coverage
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.notes.coverage_notes import noted_coverage
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.freshness.kept import kept_checkpoints
from medallion_assets.operations.stages import Kind, Stage, stages
from medallion_assets.operations.tables.pipeline_runs import last_covered
from medallion_assets.operations.tables.refused import find_readable
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.refining.ledger.coverage import coverage_of
from medallion_assets.refining.ledger.decisions import read_decisions
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets.refining.ledger.origins import Origins


def read_coverage(lakehouse: Lakehouse) -> dict[str, Coverage]:
    """How far each stage's table reaches, by its name. Tables that are not there are not made, and cover nothing.

    Raises:
        TransientError: the storage did not answer.
    """
    published = _published(lakehouse, [published.table.name for published in lakehouse.catalog.published])
    return {stage.table.name: _coverage(lakehouse, stage, published) for stage in stages(lakehouse.catalog)}


def _published(lakehouse: Lakehouse, tables: Collection[str]) -> dict[str, Coverage]:
    """What attempts of late say, or else what the monitor kept of those before; others are absent."""
    found = last_covered(lakehouse, tables)
    unsaid = [table for table in tables if not found.get(table, UNKNOWN).is_known]
    for table, kept in kept_checkpoints(lakehouse, unsaid).items():
        found[table] = UNKNOWN if kept.covered_until is None else Coverage(kept.covered_until)
    return found


def _coverage(lakehouse: Lakehouse, stage: Stage, published: Mapping[str, Coverage]) -> Coverage:
    if stage.kind == "serving":
        return published.get(stage.table.name, NOTHING)
    if stage.kind in ("bronze", "judged"):
        return loaded_coverage(lakehouse, lakehouse.catalog.loaded_by(stage.table.short_name), stage.kind)
    snapshot = find_readable(lakehouse, stage.table)
    return NOTHING if snapshot is None else noted_coverage(snapshot)


def loaded_coverage(lakehouse: Lakehouse, loaded: Loaded, kind: Kind) -> Coverage:
    """How far Bronze reaches (`bronze`), by the batches that it holds, or Silver, by those that it has settled."""
    table = loaded.table
    bronze = find_readable(lakehouse, bronze_table(table.short_name))
    if bronze is None:
        return NOTHING
    if kind == "bronze":
        batches, decisions = batches_in(bronze, loaded.source), read_decisions(lakehouse, table.short_name)
        return coverage_of(loaded.source, batches, loaded.chain_begins, Origins.read(bronze, decisions))
    silver = find_readable(lakehouse, table)
    return NOTHING if silver is None else Ledger.read(loaded, bronze, silver).coverage()


def never_known(catalog: Catalog) -> set[str]:
    """The tables of which nobody can know how far they reach: a source that they are made of says nothing (V1, V2)."""
    silent = [loaded.table for loaded in catalog.loaded if not loaded.source.declares_coverage]
    unsaid = {bronze_table(table.short_name).name for table in silent}
    by_table = {stage.table.name: stage for stage in stages(catalog)}

    def is_unsaid(table: str) -> bool:
        sources = by_table[table].sources if table in by_table else ()
        return table in unsaid or any(is_unsaid(source.name) for source in sources)

    return {table for table in by_table if is_unsaid(table)}
