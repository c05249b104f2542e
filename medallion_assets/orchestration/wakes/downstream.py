"""Who is woken by a stage that has written its table: the sensors of what is made from it.

Belongs here: which these are, and saying it.
Does not: what they find.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import Table
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.sensors.names import restated, table_update
from medallion_assets.orchestration.wakes.messages import wake
from medallion_assets.refining.bronze import bronze_table

TOGETHER_SECONDS = 1.0
"""Gold is looked at so long after its source was written: what another run writes meanwhile is the same request."""


def wake_downstream(instance: dg.DagsterInstance, catalog: Catalog, run: dg.DagsterRun, written: Table) -> None:
    """Wake the sensors of what is made from a table that a run has written, but for what this run makes itself.

    Of a run of a whole job nobody says what it makes: then a sensor sees that it is at work, and looks for nothing.
    """
    home, made_here = Path(instance.root_directory), run.asset_selection or ()
    wake(home, list(gold_sensors(catalog, written)), after_seconds=TOGETHER_SECONDS)
    wake(home, [table_update(table) for table in made_from(catalog, written) if asset_key(table) not in made_here])


def gold_sensors(catalog: Catalog, written: Table) -> Iterator[str]:
    """The sensors of the Gold tables that are made from a table."""
    for gold in catalog.gold:
        if gold.source.name == written.name:
            yield restated(gold.table)


def made_from(catalog: Catalog, written: Table) -> Iterator[Table]:
    """The Silver tables that are made from a table."""
    for loaded in catalog.loaded:
        if bronze_table(loaded.table.short_name).name == written.name:
            yield loaded.table
    for derived in catalog.derived:
        if any(source.name == written.name for source in derived.sources):
            yield derived.table
