"""Whole days are replaced, and never by older figures (rule G5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.delta.notes.commit_notes import commit_note, commits_since
from medallion_assets.delta.notes.source_versions import SOURCE_ID_NOTE, SOURCE_NOTE, SourceVersion
from medallion_assets.delta.replacing.partitions import (
    REMOVED,
    REPLACED,
    conform,
    replace_days,
    write_day,
    write_days,
)
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import CommitConflictError
from medallion_assets_tests.refining.planting import DAY, NEXT_DAY, STOCK, lake, put, stock


def rows(lakehouse: Lakehouse) -> list[tuple[object, ...]]:
    return lakehouse.open(STOCK).scan().sort("item_id").collect().rows()


def source_at(version: int, table_id: str = "silver-1") -> SourceVersion:
    return SourceVersion(
        name="silver.stock", table_id=table_id, version=version, made_at=datetime(2025, 1, 1, tzinfo=UTC)
    )


def replace(lakehouse: Lakehouse, day: object, pieces: int, source_version: int) -> int:
    snapshot = lakehouse.open(STOCK)
    written = write_day(snapshot.folder, stock(("a", day, pieces)).collect(), day)  # type: ignore[arg-type]
    assert written is not None
    return replace_days(snapshot, [day], [written], source=source_at(source_version))  # type: ignore[list-item]


def test_a_day_is_replaced_as_a_whole(tmp_path: Path) -> None:
    lakehouse = lake(tmp_path)
    put(lakehouse, ("x", DAY, 1), ("y", DAY, 2), ("z", NEXT_DAY, 3))
    assert replace(lakehouse, DAY, 9, 7) == 2
    assert rows(lakehouse) == [("a", DAY, 9), ("z", NEXT_DAY, 3)]
    (commit,) = commits_since(lakehouse.open(STOCK), 1)
    assert commit_note(commit, SOURCE_NOTE) == 7


def test_a_day_without_rows_is_emptied(tmp_path: Path) -> None:
    lakehouse = lake(tmp_path)
    put(lakehouse, ("x", DAY, 1), ("z", NEXT_DAY, 3))
    snapshot = lakehouse.open(STOCK)
    assert write_day(snapshot.folder, stock().collect(), DAY) is None
    replace_days(snapshot, [DAY], [], source=source_at(1))
    assert rows(lakehouse) == [("z", NEXT_DAY, 3)]


def test_a_commit_says_which_days_it_replaced_and_removed(tmp_path: Path) -> None:
    """The ledger of what was built from which source: days that became empty are built too."""
    lakehouse = lake(tmp_path)
    put(lakehouse, ("x", DAY, 1), ("z", NEXT_DAY, 3))
    replace_days(lakehouse.open(STOCK), [DAY], [], source=source_at(4), outdated=[NEXT_DAY])
    assert rows(lakehouse) == []
    (commit,) = commits_since(lakehouse.open(STOCK), 1)
    notes = [commit_note(commit, name) for name in (SOURCE_NOTE, SOURCE_ID_NOTE, REPLACED, REMOVED)]
    assert notes == [4, "silver-1", [str(DAY)], [str(NEXT_DAY)]]


def test_a_days_rows_lie_in_the_order_of_the_key(tmp_path: Path) -> None:
    snapshot = lake(tmp_path).ready(STOCK)
    written = write_day(snapshot.folder, stock(("b", DAY, 1), ("a", DAY, 2)).collect(), DAY)
    assert written is not None
    snapshot.commit([written])
    assert lake(tmp_path).open(STOCK).scan().collect()["item_id"].to_list() == ["a", "b"]


def test_each_of_some_days_has_its_own_rows_and_file(tmp_path: Path) -> None:
    """In the order of the days, however long each took to write; one without rows has none."""
    folder, last = lake(tmp_path).ready(STOCK).folder, NEXT_DAY + timedelta(days=1)
    both = stock(*((f"{number:04}", last, number) for number in range(3_000)), ("x", DAY, 1)).collect()
    some = [file and (file.partition, file.rows) for file in write_days(folder, both, [last, NEXT_DAY, DAY])]
    assert some == [(str(last), 3_000), None, (str(DAY), 1)]
    (alone,) = write_days(folder, stock(("x", DAY, 1), ("y", DAY, 2)).collect(), [DAY])
    assert alone is not None
    assert alone.rows == 2


@pytest.mark.parametrize(("ours", "committed"), [(5, True), (6, True), (4, False)])
def test_figures_of_an_older_source_do_not_replace_newer_ones(tmp_path: Path, ours: int, committed: bool) -> None:
    """G5: another writer committed figures of source version 5 since our snapshot was opened."""
    lakehouse = lake(tmp_path)
    snapshot = lakehouse.ready(STOCK)
    written = snapshot.folder.write(stock(("a", DAY, ours)), partition=DAY)
    replace(lakehouse, DAY, 5, source_version=5)
    if committed:
        assert replace_days(snapshot, [DAY], [written], source=source_at(ours)) == 2
    else:
        with pytest.raises(CommitConflictError):
            replace_days(snapshot, [DAY], [written], source=source_at(ours))
    assert rows(lakehouse) == [("a", DAY, ours if committed else 5)]


def test_columns_take_the_contracts_order_and_types() -> None:
    frame = pl.LazyFrame(
        {"pieces": [1], "counted_date": [DAY], "item_id": ["a"]}, schema_overrides={"pieces": pl.UInt32}
    )
    conformed = conform(frame, STOCK).collect()
    assert conformed.schema == stock().collect().schema
    assert conformed.rows() == [("a", DAY, 1)]
