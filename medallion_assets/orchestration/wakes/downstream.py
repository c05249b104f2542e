"""Who is woken by a stage that has written its table: the sensors of what is made from it.

Belongs here: which these are, and saying it.
Does not: what they find.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.sensor_names import completed, restated, table_update
from medallion_assets.contracts.table import Table
from medallion_assets.operations.unread import Unread
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.run_records import readable_records
from medallion_assets.orchestration.wakes.messages import wake
from medallion_assets.refining.bronze import bronze_table

TOGETHER_SECONDS = 1.0
"""While another run writes its source too, Gold is looked at so much later: what that writes is the same request."""
LOG = logging.getLogger(__name__)


def wake_downstream(instance: dg.DagsterInstance, catalog: Catalog, run: dg.DagsterRun, written: Table) -> None:
    """Wake the sensors of what is made from a table that a run has written, but for what this run makes itself.

    A run that may have held its days back wakes its own sensor, for what became complete while it ended (rule P6).
    Of a run of a whole job nobody says what it makes: then a sensor sees that it is at work, and looks for nothing.
    """
    home, made_here = Path(instance.root_directory), run.asset_selection or ()
    wake(home, [table_update(table) for table in made_from(catalog, written) if asset_key(table) not in made_here])
    if golden := list(gold_sensors(catalog, written)):
        wake(home, golden, after_seconds=TOGETHER_SECONDS if _others_write(instance, run, written) else 0)
    wake(home, list(serving_sensors(catalog, written)), after_seconds=TOGETHER_SECONDS)


def gold_sensors(catalog: Catalog, written: Table) -> Iterator[str]:
    """The sensors of the Gold tables that are made from a table, or published together with it (rule P6)."""
    yield from (completed(built) for built in catalog.dbt if written.name in {table.name for table in built.sources})
    for pipeline in catalog.pipelines:
        for gold in pipeline.gold:
            published = pipeline.publishing(gold)
            together = () if published is None else pipeline.published_with(published)
            if written.name in (gold.source.name, *(other.table.name for other in together)):
                yield restated(gold.table)


def serving_sensors(catalog: Catalog, written: Table) -> Iterator[str]:
    """The sensor that asks for a serving table, where its days are published together with others' (rule P6)."""
    for pipeline in catalog.pipelines:
        for published in pipeline.published:
            if published.table.name == written.name and pipeline.published_with(published):
                yield restated(published.gold.table)


def made_from(catalog: Catalog, written: Table) -> Iterator[Table]:
    """The Silver tables that are made from a table."""
    for loaded in catalog.loaded:
        if bronze_table(loaded.table.short_name).name == written.name:
            yield loaded.table
    for derived in catalog.derived:
        if any(source.name == written.name for source in derived.sources):
            yield derived.table


def _others_write(instance: dg.DagsterInstance, run: dg.DagsterRun, written: Table) -> bool:
    """Whether another run at work may write the same table; one of a whole job, or that is unreadable, may."""
    unread: list[Unread] = []
    try:
        at_work = readable_records(instance, dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]), unread)
    except Exception:  # the stage is done, whatever it is
        LOG.exception("it is not known which other runs write %s", written.name)
        return True
    runs = [record.dagster_run for record in at_work]
    others = [other.asset_selection for other in runs if other.run_id != run.run_id]
    return bool(unread) or any(selected is None or asset_key(written) in selected for selected in others)
