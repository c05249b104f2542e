"""Steps: how the steps of runs are called, and which tables they are called like.

Belongs here: names.
Does not: which steps a run has, or what they do (assets).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import Table
from medallion_assets.operations.stages import Stage, stages
from medallion_assets.orchestration.reporting import asset_key


def step_names(catalog: Catalog) -> dict[str, str]:
    """The name of the table that each step writes, by the step's key; other steps are no stages."""
    return {step_name(stage.step): stage.step.name for stage in stages(catalog)}


def step_name(table: Table) -> str:
    """The key of the step that is called like a table."""
    return asset_key(table).to_python_identifier()


def step_tables(known: Iterable[Stage], tables: Collection[Table]) -> list[Table]:
    """Those of some tables, which stages among the `known` write, that their steps are called like.

    One step may write several.
    """
    names = {stage.step.name for stage in known if stage.table in tables}
    return [table for table in tables if table.name in names]
