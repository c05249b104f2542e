"""Each check is seen to find what is planted for it (rules K2, K3)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.engine import Bounds
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.refining.integrity import leaked_tombstones, repeated_keys
from medallion_assets_tests.refining.planting import DAY, NEXT_DAY, STOCK, lake, put


def table_of(folder: Path, table: Table, *rows: dict[str, Any]) -> Snapshot:
    """A table without partitions that holds these rows."""
    snapshot = lake(folder).ready(table)
    snapshot.commit([snapshot.folder.write(pl.DataFrame(list(rows), schema=polars_schema(table)).lazy())])
    return lake(folder).open(table)


def test_a_key_with_two_rows_is_found_in_whatever_partition(tmp_path: Path) -> None:
    """K2: also a live row beside a tombstone."""
    put(lake(tmp_path), ("a", DAY, 1), ("b", DAY, 1), ("c", NEXT_DAY, 1))
    assert repeated_keys(lake(tmp_path).open(STOCK)) == 0
    put(lake(tmp_path), ("a", NEXT_DAY, 2))
    put(lake(tmp_path), ("a", NEXT_DAY, 3), ("c", None, None))
    assert repeated_keys(lake(tmp_path).open(STOCK)) == 2


@pytest.mark.parametrize("at_once", [1, 2])
def test_repeated_keys_are_counted_in_bounded_memory(tmp_path: Path, at_once: int) -> None:
    bounds = Bounds(hashes=at_once)
    put(lake(tmp_path), *((key, DAY, 1) for key in "abcdea"), ("b", NEXT_DAY, 1))
    assert repeated_keys(lake(tmp_path, bounds).open(STOCK)) == 2
    assert repeated_keys(lake(tmp_path / "empty", bounds).ready(STOCK)) == 0


def test_two_keys_of_one_hash_are_no_repetition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Expr, "hash", lambda self: self.is_null().cast(pl.UInt64))
    put(lake(tmp_path), ("a", DAY, 1), ("b", DAY, 1))
    assert repeated_keys(lake(tmp_path).open(STOCK)) == 0
    put(lake(tmp_path), ("a", NEXT_DAY, 2))
    assert repeated_keys(lake(tmp_path).open(STOCK)) == 1


def test_a_customer_with_two_current_versions_is_found(tmp_path: Path) -> None:
    """H1: earlier versions are no repetition."""
    version = {"customer_id": "c1", "valid_from": datetime(2025, 1, 1, tzinfo=UTC), "is_current": True}
    earlier = {**version, "is_current": False}
    assert repeated_keys(table_of(tmp_path / "good", CUSTOMERS, version, earlier, earlier)) == 0
    assert repeated_keys(table_of(tmp_path / "bad", CUSTOMERS, version, version, earlier)) == 1


def test_a_deleted_key_that_lives_on_downstream_is_found(tmp_path: Path) -> None:
    """K3: tombstones are filtered by whoever reads."""
    put(lake(tmp_path / "silver"), ("a", DAY, 1), ("gone", None, None))
    put(lake(tmp_path / "good"), ("a", DAY, 1))
    put(lake(tmp_path / "bad"), ("a", DAY, 1), ("gone", DAY, 1))
    silver = lake(tmp_path / "silver").open(STOCK)
    assert leaked_tombstones(silver, lake(tmp_path / "good").open(STOCK)) == 0
    assert leaked_tombstones(silver, lake(tmp_path / "bad").open(STOCK)) == 1
