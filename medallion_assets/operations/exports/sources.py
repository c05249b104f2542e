"""Sources: whose exports each exported table takes, and who says so (rule B3); how to see whether data arrive.

Belongs here: reading it for those who only look, and the words for tables of exports and for those of others.
Does not: what follows from it, or tables whose batches name no owner.
"""

from __future__ import annotations

from dataclasses import dataclass

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.stages import stages
from medallion_assets.operations.tables.refused import find_readable
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.loading.owner import owner_known

DECLARATION, FIRST_EXPORT = "its declaration", "the first export that was loaded"
PRESUMED = "export {}, by its tableId alone (if that is wrong: name `source_arn` in its declaration),"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSource:
    """The DynamoDB table behind a Bronze table; `arn` is None before anything says it. `accepts` are further ones."""

    table: str
    arn: str | None
    told_by: str | None
    accepts: tuple[str, ...]


def read_sources(lakehouse: Lakehouse) -> list[TableSource]:
    """One for each exported table; none is made for that."""
    return [_source(lakehouse, loaded) for loaded in lakehouse.catalog.loaded if loaded.source.names_owner]


def has_exports(catalog: Catalog, table: str) -> bool:
    """Whether any source that a table (`layer.table`) is made of, through all stages before it, has exports."""
    exported = {bronze_table(loaded.table.short_name).name for loaded in catalog.loaded if loaded.source.names_owner}
    made_of = {stage.table.name: [source.name for source in stage.sources] for stage in stages(catalog)}
    seen, left = set[str](), [table]
    while left:
        seen.add(name := left.pop())
        left += [source for source in made_of.get(name, ()) if source not in seen]
    return not seen.isdisjoint(exported)


def see_arrivals(catalog: Catalog, table: str) -> str:
    """How to see whether data arrive for a table, by what it is made of."""
    if has_exports(catalog, table):
        return "check whether exports arrive and are contiguous (`medallion exports verify`)"
    return "check whether new data arrive where the table loads them from (`medallion status`)"


def _source(lakehouse: Lakehouse, loaded: Loaded) -> TableSource:
    bronze = bronze_table(loaded.table.short_name)
    known = owner_known(loaded, find_readable(lakehouse, bronze))
    told_by = None if known.name is None else DECLARATION if known.by_declaration else FIRST_EXPORT
    if known.presumed_from is not None:
        told_by = PRESUMED.format(known.presumed_from)
    return TableSource(table=bronze.name, arn=known.name, told_by=told_by, accepts=known.accepts)
