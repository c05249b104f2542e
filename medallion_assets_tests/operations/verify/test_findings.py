"""What a finding tells people to type is a command that there is, whatever the table is called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medallion_assets.contracts.beside import events_name
from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.table import Table
from medallion_assets.delta.row_tables.identity import LAKEHOUSE
from medallion_assets.delta.schema import FROM_BACKUP, rebuild_command
from medallion_assets.deriving.dbt.failures import DBT_FAILURES
from medallion_assets.operations.rebuild import rebuildable_table
from medallion_assets.operations.stages import delta_tables
from medallion_assets.operations.verify.findings import rebuild
from medallion_assets.pipelines.ecommerce.ecommerce_events import ECOMMERCE_EVENTS
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.merging.history_table import events_table
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports

BUYERS = replace(CUSTOMERS, name="silver.buyers", history=True)
OURS = Catalog((TRANSACTIONS, STAR_SCHEMA, ECOMMERCE))
CATALOG = Catalog((*OURS.pipelines, Pipeline(name="buyers", loaded=(Loaded(table=BUYERS, source=DynamoDBExports()),))))


def named(text: str) -> str:
    """The table that a text tells people to rebuild."""
    return text.partition("`medallion rebuild ")[2].partition(" ")[0]


@pytest.mark.parametrize("table", list(delta_tables(CATALOG)), ids=lambda table: table.name)
def test_a_table_of_data_is_rebuilt_by_a_command_that_there_is(table: Table) -> None:
    for text in (rebuild(table), rebuild_command(table)):
        assert rebuildable_table(CATALOG, named(text)).name == named(text)


@pytest.mark.parametrize(
    ("table", "by"),
    [
        (ECOMMERCE_EVENTS, "silver.ecommerce_events"),
        (bronze_table("ecommerce_events"), "bronze.ecommerce_events"),
        (quarantine_table(ECOMMERCE_EVENTS), "silver.ecommerce_events"),
        (events_table(BUYERS), "silver.buyers"),
        (quarantine_table(replace(BUYERS, name="clean.buyers")), "clean.buyers"),
    ],
)
def test_what_is_kept_beside_a_table_is_rebuilt_with_it(table: Table, by: str) -> None:
    assert (named(rebuild(table)), named(rebuild_command(table))) == (by, by)
    is_beside = table.name != by
    assert (f"it rebuilds {table.name} as well" in rebuild(table)) is is_beside


@pytest.mark.parametrize("table", [DBT_FAILURES, LAKEHOUSE, Table(name="silver.of_others", description="", columns=())])
def test_what_nothing_makes_again_comes_from_a_backup(table: Table) -> None:
    assert rebuild(table) == FROM_BACKUP
    assert (rebuild_command(table) == FROM_BACKUP) is bool(table.columns)


def test_events_of_a_history_are_called_after_it() -> None:
    assert events_table(BUYERS).name == events_name(BUYERS) == "silver.buyers_events"
