"""Data files: whatever is done to one of them is found, and named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.refining.bronze import LEDGER_BOUNDS, bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets_tests.operations.small_lakehouse import (
    as_before_digests,
    data_file,
    found,
    log_file,
    rewrite_commit,
)
from medallion_assets_tests.pipeline import (
    CUSTOMER_TRANSACTIONS,
    CUSTOMERS,
)

BRONZE = bronze_table("customer_transactions")
QUARANTINE = quarantine_table(CUSTOMER_TRANSACTIONS)
Actions = list[dict[str, Any]]


def _delete(path: Path) -> None:
    path.unlink()


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def _scramble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4:64] = bytes(60)
    path.write_bytes(data)


@pytest.mark.parametrize("table", [BRONZE, CUSTOMER_TRANSACTIONS, QUARANTINE], ids=lambda table: table.name)
@pytest.mark.parametrize(
    ("damage", "check"),
    [(_delete, "file_is_present"), (_truncate, "file_has_its_size"), (_scramble, "file_has_its_digest")],
)
def test_a_damaged_data_file_is_named(
    lakehouse: Lakehouse, table: Table, damage: Callable[[Path], None], check: str
) -> None:
    """The file is named below its table, with what to do; the table is not asked anything else."""
    path = data_file(lakehouse, table)
    damage(path)
    assert found(lakehouse) == ([] if check == "file_has_its_digest" else [(table.name, check)])
    answer = verify(lakehouse, digests=True)
    assert [(finding.table, finding.check) for finding in answer.findings] == [(table.name, check)]
    assert Path(lakehouse.uri(table)) / str(answer.findings[0].file) == path
    assert answer.notes == [f"{table.name} was not checked further: fix its files first"]


def test_a_flip_of_any_bit_is_found(lakehouse: Lakehouse) -> None:
    """Also one that makes another valid file."""
    path = data_file(lakehouse, CUSTOMER_TRANSACTIONS)
    whole = path.read_bytes()
    random = Random(3)
    for _ in range(10):
        flipped = bytearray(whole)
        flipped[random.randrange(len(whole))] ^= 1 << random.randrange(8)
        path.write_bytes(flipped)
        assert found(lakehouse, digests=True) == [(CUSTOMER_TRANSACTIONS.name, "file_has_its_digest")]


def test_files_of_an_earlier_release_are_read_through_instead(lakehouse: Lakehouse) -> None:
    """They have no digest: a note says how many, and that is no finding."""
    as_before_digests(lakehouse, CUSTOMERS)
    words = "data files of silver.customers have no digest, for an earlier release or another writer wrote them"
    count = lakehouse.open(CUSTOMERS).files.height
    fast = f"{count} {words}: `--digests` reads them through instead of comparing them"
    assert (verify(lakehouse).findings, verify(lakehouse).notes) == ([], [fast])
    assert verify(lakehouse, digests=True).notes == [f"{count} {words}: they were read through instead"]
    _scramble(data_file(lakehouse, CUSTOMERS))
    assert found(lakehouse, digests=True) == [(CUSTOMERS.name, "file_is_readable")]


def test_swapped_files_are_found(lakehouse: Lakehouse) -> None:
    """Two files of one size, each in the place of the other: their footers tell, or at least their bytes."""
    bronze = lakehouse.open(BRONZE)
    rows = bronze.scan().head(1)
    for source in ("x", "y"):
        facts = rows.with_columns(pl.lit("e" + source).alias("_export_id"), pl.lit(source).alias("_source_file"))
        lakehouse.open(BRONZE).commit(
            [bronze.folder.write(facts, partition=bronze.partitions[0], bounds=LEDGER_BOUNDS)]
        )
    bronze = lakehouse.open(BRONZE)
    one, other = (
        Path(bronze.uri) / bronze.files.row(by_predicate=pl.col("min._export_id") == name, named=True)["path"]
        for name in ("ex", "ey")
    )
    assert one.stat().st_size == other.stat().st_size
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert found(lakehouse) == [(BRONZE.name, "file_has_its_bounds")] * 2
    assert found(lakehouse, digests=True) == [(BRONZE.name, "file_has_its_digest")] * 2


def test_a_file_of_another_table_and_one_of_a_stranger_are_found(lakehouse: Lakehouse) -> None:
    """No reader sees them; what a killed stage of ours left is none of them."""
    theirs, folder = data_file(lakehouse, CUSTOMERS), Path(lakehouse.uri(CUSTOMER_TRANSACTIONS))
    shutil.copy(theirs, folder)
    shutil.copy(theirs, folder / "copy of part-1.parquet")
    shutil.copy(theirs, folder / f"part-{'0' * 32}.parquet")
    answer = verify(lakehouse)
    assert [(finding.check, finding.file) for finding in answer.findings] == [
        ("file_is_in_the_log", "copy of part-1.parquet"),
        ("file_is_in_the_log", theirs.name),
    ]
    assert answer.findings[1].found == "a file of silver.customers"


def test_a_table_in_the_place_of_another_is_found(lakehouse: Lakehouse) -> None:
    """All Bronze tables have the same columns."""
    one, other = Path(lakehouse.uri(BRONZE)), Path(lakehouse.uri(bronze_table("customers")))
    one.rename(one.with_name("kept"))
    other.rename(one)
    one.with_name("kept").rename(other)
    assert {("bronze.customers", "table_is_itself"), (BRONZE.name, "table_is_itself")} <= set(found(lakehouse))


def test_a_file_with_other_rows_than_the_log_says(lakehouse: Lakehouse) -> None:
    """A file of the right size in the place of another."""
    as_before_digests(lakehouse, CUSTOMER_TRANSACTIONS)
    silver = lakehouse.open(CUSTOMER_TRANSACTIONS)
    path = data_file(lakehouse, CUSTOMER_TRANSACTIONS)
    pl.concat([pl.read_parquet(path, hive_partitioning=False)] * 2).write_parquet(path)
    size = path.stat().st_size

    def with_size(actions: Actions) -> Actions:
        for action in actions:
            if "add" in action and action["add"]["path"].endswith(path.name):
                action["add"]["size"] = size
        return actions

    for version in range(silver.version + 1):
        rewrite_commit(log_file(lakehouse, CUSTOMER_TRANSACTIONS, version), with_size)
    assert found(lakehouse) == [("silver.customer_transactions", "file_has_its_rows")]


def test_a_file_of_another_schema_is_found(lakehouse: Lakehouse) -> None:
    """Types that are not the contract's: somebody else wrote to the table."""
    silver = lakehouse.open(CUSTOMER_TRANSACTIONS)
    rows = silver.scan(partitions=silver.partitions[:1]).with_columns(pl.col("quantity").cast(pl.Int32))
    silver.commit([silver.folder.write(rows, partition=silver.partitions[0])])
    assert found(lakehouse, deep=True) == [(CUSTOMER_TRANSACTIONS.name, "file_is_readable")]


def test_a_table_without_a_contract_is_looked_at_as_well(lakehouse: Lakehouse) -> None:
    """Logs and files of whatever lies in the lakehouse."""
    shutil.copytree(lakehouse.uri(CUSTOMERS), f"{lakehouse.url}/gold/somebody_elses")
    assert found(lakehouse) == []
    Path(f"{lakehouse.url}/gold/somebody_elses", data_file(lakehouse, CUSTOMERS).name).unlink()
    assert found(lakehouse) == [("gold.somebody_elses", "file_is_present")]
    shutil.rmtree(f"{lakehouse.url}/gold/somebody_elses/_delta_log")
    assert found(lakehouse) == []
