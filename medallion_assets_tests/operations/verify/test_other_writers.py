"""What another engine may do with these tables, and what it breaks (docs/other_engines.md); delta-rs stands for any."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets_tests.operations.small_lakehouse import found
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, CUSTOMERS, ENRICHED_TRANSACTIONS, run_silver


def theirs(lakehouse: Lakehouse, table: Table) -> DeltaTable:
    return DeltaTable(lakehouse.uri(table))


@pytest.mark.slow
def test_files_may_be_written_anew(lakehouse: Lakehouse) -> None:
    """OPTIMIZE: the rows are the same, what is made from them goes on, and the new files have no digest."""
    tables = (CUSTOMER_TRANSACTIONS, CUSTOMERS, ENRICHED_TRANSACTIONS)
    for table in tables:
        assert theirs(lakehouse, table).optimize.z_order([table.key[0]])["numFilesAdded"]
    assert found(lakehouse, deep=True) == []
    assert any("have no digest" in note for note in verify(lakehouse).notes)
    assert {done.rows_changed for done in run_silver(lakehouse).values()} == {0}
    assert found(lakehouse, deep=True) == []


def test_files_of_former_versions_may_be_removed(lakehouse: Lakehouse) -> None:
    """VACUUM: the present version needs none of them."""
    for table in (CUSTOMER_TRANSACTIONS, CUSTOMERS):
        table_of_theirs = theirs(lakehouse, table)
        table_of_theirs.optimize.z_order([table.key[0]])
        table_of_theirs.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert found(lakehouse, deep=True) == []


def test_a_column_may_be_added(lakehouse: Lakehouse) -> None:
    """Nobody here reads it, and new files hold null in it."""
    theirs(lakehouse, CUSTOMERS).alter.add_columns([Field("note", PrimitiveType("string"))])
    run_silver(lakehouse)
    assert found(lakehouse, deep=True) == []


def test_properties_may_be_set(lakehouse: Lakehouse) -> None:
    """A stage sets one of a table of many columns, and so may other engines."""
    theirs(lakehouse, CUSTOMERS).alter.set_table_properties({"delta.dataSkippingNumIndexedCols": "-1"})
    run_silver(lakehouse)
    assert found(lakehouse, deep=True) == []


def test_rows_that_are_deleted_or_changed_are_missed(lakehouse: Lakehouse) -> None:
    """DELETE, UPDATE, MERGE: the ledger knows nothing of it, and whoever makes the table again sees what differs."""
    theirs(lakehouse, CUSTOMER_TRANSACTIONS).update(updates={"payment_method": "'barter'"})
    assert (CUSTOMER_TRANSACTIONS.name, "equals_recomputation") in found(lakehouse, deep=True)
