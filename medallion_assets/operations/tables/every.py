"""Every Delta table of a lakehouse: those that hold data, and those that operations keep.

Belongs here: that list, and what lies there besides.
Does not: which tables hold data, or what a table is.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import Table
from medallion_assets.delta.row_tables.identity import LAKEHOUSE
from medallion_assets.delta.row_tables.releases import RELEASES
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.failures import DBT_FAILURES
from medallion_assets.errors import PermanentError
from medallion_assets.operations.stages import delta_tables
from medallion_assets.operations.tables.alerts import ALERTS
from medallion_assets.operations.tables.expectation_results import EXPECTATION_RESULTS
from medallion_assets.operations.tables.incident import INCIDENTS
from medallion_assets.operations.tables.monitoring import MONITORING_TABLES
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS
from medallion_assets.refining.ledger.decisions import DECISIONS
from medallion_assets.refining.loading.refused_batches import EXPORT_VERDICTS
from medallion_assets.storage.listing import is_there, list_folders
from medallion_assets.storage.stores import open_store

OPERATIONS_TABLES = (
    LAKEHOUSE,
    DECISIONS,
    EXPORT_VERDICTS,
    PIPELINE_RUNS,
    EXPECTATION_RESULTS,
    *MONITORING_TABLES,
    ALERTS,
    INCIDENTS,
    RELEASES,
)
"""What operations note for themselves: no data of anybody."""
KEPT_TABLES = (*OPERATIONS_TABLES, DBT_FAILURES)
"""One of each in a lakehouse."""


def expect_kept_apart(catalog: Catalog) -> None:
    """See that no pipeline writes to the place of a table that operations keep.

    Raises:
        PermanentError: with the table.
    """
    kept = {table.name for table in KEPT_TABLES}
    for table in delta_tables(catalog):
        if table.name in kept:
            raise PermanentError(
                f"{table.name} is kept beside what pipelines declare",
                expected=f"tables of other names than {', '.join(sorted(kept))}",
                found="it among those that a pipeline declares, or that are kept beside them",
                do="give the declared table another name",
            )


def every_table(catalog: Catalog) -> Iterator[Table]:
    """Every one, in the order in which data flows."""
    yield from delta_tables(catalog)
    yield from KEPT_TABLES


def tables_without_contract(lakehouse: Lakehouse) -> list[Table]:
    """Tables that lie in the lakehouse and are none of these."""
    if not is_there(lakehouse.url):
        return []
    store = open_store(lakehouse.url, lakehouse.storage_options)
    known = {table.path for table in every_table(lakehouse.catalog)}
    paths = [path for layer in list_folders(store, "") for path in list_folders(store, layer)]
    names = [path.replace("/", ".", 1) for path in sorted(paths) if path not in known]
    return list(filter(lakehouse.exists, (Table(name=name, description="", columns=()) for name in names)))
