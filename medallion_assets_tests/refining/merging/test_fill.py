"""The first full export of a table: written in one pass, and the same as merged; on an engine that shares memory."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medallion_assets.delta.damage import damaged_files
from medallion_assets.delta.files.partitioned_files import LocalFile, write_partitions
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Bounds
from medallion_assets.errors import PermanentError
from medallion_assets.refining.merging import fill
from medallion_assets.refining.refined import Refined
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import item_line, transaction
from medallion_assets_tests.refining.planting import AT, HOUR, full_of, lake, refined

pytestmark = pytest.mark.own_engine
SILVER = pipeline.CUSTOMER_TRANSACTIONS
DAYS = [date(2025, 3, day) for day in (5, 6, 7)]


def sale(number: int, **attributes: Any) -> str:
    day = DAYS[number % len(DAYS)]
    return item_line(transaction(f"t{number}", transaction_timestamp={"S": f"{day}T20:00:00Z"}, **attributes))


PICTURE = full_of(1, *map(sale, range(9)), sale(8), "no json", sale(9, status={"S": "?"}))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files each pass over an export wrote."""
    written: list[int] = []

    def write(*args: Any, **options: Any) -> list[Any]:
        files = fill_partitions(*args, **options)
        written.append(len(files))
        return files

    fill_partitions = fill.write_partitions
    monkeypatch.setattr(fill, "write_partitions", write)
    return written


def rows(lakehouse: Lakehouse) -> pl.DataFrame:
    return lakehouse.open(SILVER).scan().collect().sort("transaction_id")


@pytest.mark.parametrize("bounds", [Bounds(), Bounds(block_rows=2, group_rows=9, group_bytes=10_000)])
def test_a_first_full_export_is_written_as_it_would_be_merged(
    tmp_path: Path, written: list[int], monkeypatch: pytest.MonkeyPatch, bounds: Bounds
) -> None:
    """Rows, days and counts, whatever its parts."""
    filled, merged = lake(tmp_path / "filled", bounds), lake(tmp_path / "merged", bounds)
    done = refined(filled, PICTURE)
    monkeypatch.setattr("medallion_assets.refining.merging.merge.fill", lambda *_: None)
    assert done == refined(merged, PICTURE)
    assert (done.restated, done.rows_changed, rows(filled).height) == (set(DAYS), 9, 9)
    assert rows(filled).equals(rows(merged))
    assert filled.open(SILVER).partitions == merged.open(SILVER).partitions == DAYS
    assert len(written) == 1


def test_the_log_has_the_digest_and_bounds_of_each_file(
    tmp_path: Path, written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long day there are several."""
    monkeypatch.setattr(fill, "held_of_each", lambda *_: 2)
    lakehouse = lake(tmp_path, Bounds(group_bytes=100))
    refined(lakehouse, PICTURE)
    silver = lakehouse.open(SILVER)
    assert written == [silver.files.height] == [2 * len(DAYS)]
    assert damaged_files(silver) == set()
    for file in silver.files.iter_rows(named=True):
        held = silver.scan(paths=[file["path"]]).collect()
        assert held.height == file["num_records"]
        assert file["partition.transaction_date"] == held["transaction_date"].unique().item()
        assert file["min.transaction_id"] == held["transaction_id"].min()
        assert file["max._sequence_micros"] == held["_sequence_micros"].max()
    flipped = Path(silver.uri) / silver.files["path"][0]
    flipped.write_bytes(flipped.read_bytes()[:-9] + bytes(9))
    assert damaged_files(silver) == {silver.files["path"][0]}


@pytest.mark.parametrize(
    "first", [full_of(0, sale(20), at=AT - HOUR), full_of(0, at=AT - HOUR)], ids=["with a row", "empty"]
)
def test_a_second_full_export_is_merged(tmp_path: Path, written: list[int], first: Any) -> None:
    """It decides what the first one left, if only that there was nothing."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, first)
    written.clear()
    done: Refined = refined(lakehouse, PICTURE)
    assert (rows(lakehouse).filter(~pl.col("is_deleted")).height, done.restated >= set(DAYS)) == (9, True)
    assert written == []


def test_long_rows_are_merged(tmp_path: Path, written: list[int]) -> None:
    """A writer of all days would hold some of each."""
    refined(lake(tmp_path), full_of(1, *(sale(number, product_id={"S": "x" * 2_000}) for number in range(3))))
    assert written == []


@pytest.mark.parametrize(
    ("group_bytes", "passes"), [(10_000, 1), (1_000, 0)], ids=["all of them may be held", "of each day only some"]
)
def test_rows_of_many_days_are_merged(tmp_path: Path, written: list[int], group_bytes: int, passes: int) -> None:
    """Row groups that are held of so many days would be too small."""
    refined(lake(tmp_path, Bounds(group_bytes=group_bytes)), PICTURE)
    assert len(written) == passes


def test_a_row_that_is_not_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is committed of a fill that wrote less than was counted."""

    def lossy(rows: pl.LazyFrame, *args: Any, **options: Any) -> list[Any]:
        return write_partitions(rows.filter(pl.col("transaction_id") != "t4"), *args, **options)

    monkeypatch.setattr(fill, "write_partitions", lossy)
    lakehouse = lake(tmp_path)
    with pytest.raises(PermanentError, match=f"expected: 3 rows of {DAYS[1]}; found: 2 of {DAYS[1]}"):
        refined(lakehouse, PICTURE)
    assert rows(lakehouse).is_empty()


def test_a_local_file_goes_once_it_is_copied(
    tmp_path: Path, written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workspace does not hold the table a second time."""
    left: list[Path] = []

    def copied(file: LocalFile, **options: Any) -> Any:
        answer = copy(file, **options)
        left.extend([file.path] if file.path.exists() else [])
        return answer

    copy = fill._copied
    monkeypatch.setattr(fill, "_copied", copied)
    refined(lake(tmp_path), PICTURE)
    assert (len(written), left) == (1, [])
