"""Pieces are bounded by rows and by bytes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import duckdb
import polars as pl
import pytest

from medallion_assets.engines import pieces as module
from medallion_assets.engines.blocks import blocks
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.pieces import (
    compression_aside,
    pieces,
    row_group_rows,
    rows_of_bytes,
    spilled,
    text_bytes,
)
from medallion_assets.storage.options import StorageOptions

TEXTS = pl.Series(["aaaa", None, "bb", "cccccccc", "", "d"])


@pytest.mark.parametrize(
    ("rows", "size", "cuts"),
    [
        (10, 100, [(0, 6)]),
        (2, 100, [(0, 2), (2, 2), (4, 2)]),
        (10, 6, [(0, 3), (3, 1), (4, 2)]),
        (10, 1, [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2)]),
    ],
)
def test_a_piece_has_at_most_so_many_rows_and_bytes(rows: int, size: int, cuts: list[tuple[int, int]]) -> None:
    """A text that is longer than that is a piece of its own."""
    assert list(pieces(TEXTS, rows=rows, size=size)) == cuts


def test_no_rows_are_no_pieces() -> None:
    assert list(pieces(TEXTS.clear(), rows=1, size=1)) == []


def test_rows_of_some_bytes() -> None:
    """At least one, however long; at most what readers like, however short."""
    assert [rows_of_bytes(TEXTS, size, most=50) for size in (1, 10, 1_000)] == [1, 5, 50]
    assert rows_of_bytes(TEXTS.clear(), 10, most=50) == 10


def test_rows_of_usual_length_are_left_to_the_writer() -> None:
    assert row_group_rows(1_000, 100_000) is None
    assert row_group_rows(1_000, 390_000_000) == module.ROW_GROUP_BYTES // 390_000
    assert row_group_rows(0, 0) is None


def test_the_bytes_of_all_text() -> None:
    frame = pl.DataFrame({"a": TEXTS, "b": TEXTS, "n": range(6)})
    assert (text_bytes(frame.lazy()), text_bytes(frame.lazy().select("n"))) == (30, 0)


def test_rows_that_are_put_aside_lie_in_small_row_groups(tmp_path: Path) -> None:
    """However long they are: who reads them holds row groups whole."""
    frame = pl.DataFrame({"a": [str(number) * 1_000 for number in range(8)]})
    kept = spilled(frame, str(tmp_path / "aside.parquet"), StorageOptions(), group_bytes=2_000)
    assert kept.collect().equals(frame)
    batches = [batch.height for batch in kept.collect_batches(lazy=True, engine="streaming")]
    assert max(batches) <= 2


def test_blocks_are_bounded_by_bytes() -> None:
    """And one that is all there is says so: it may stay in memory."""
    lines = pl.DataFrame({"raw": ["x" * 10] * 7}).lazy()
    assert [(block.taken().height, block.stays) for block in blocks([lines], Bounds())] == [(7, True)]
    cut = blocks([lines], Bounds(block_bytes=30))
    assert [(block.taken().height, block.stays) for block in cut] == [(3, False), (3, False), (1, False)]


def test_what_says_one_thing_is_in_the_plan_and_comes_back(tmp_path: Path) -> None:
    """In its place and of its type; of rows that all say the same, one column is written, which has their number."""
    rows = pl.DataFrame(
        {
            "id": ["x"] * 3,
            "n": pl.Series([1, 2, 1], dtype=pl.UInt32),
            "day": pl.Series([0] * 3, dtype=pl.Date),
            "money": pl.Series([None, "1.5", None]).cast(pl.Decimal(18, 4)),
            "names": [[]] * 3,
        },
        schema_overrides={"names": pl.List(pl.String)},
    )
    for number, some in enumerate((rows, rows.select("id", "day"), rows.clear(), rows.head(1))):
        path = tmp_path / f"{number}.parquet"
        assert spilled(some, str(path), StorageOptions()).collect().equals(some)
        assert spilled(some, str(path), StorageOptions()).collect_schema() == some.schema
    assert pl.read_parquet_schema(tmp_path / "0.parquet").keys() == {"n", "money", "names"}
    assert pl.read_parquet_schema(tmp_path / "1.parquet").keys() == {"day"}


def test_blocks_are_as_full_as_they_may_be() -> None:
    """However the lines come: each block but the last would be too large with one line more."""
    texts = ["a" * (number * 7 % 13) for number in range(500)]
    bounds = Bounds(block_rows=17, block_bytes=60)
    lines = [pl.LazyFrame({"raw": texts[start : start + 29]}) for start in range(0, 500, 29)]
    found = [block.taken()["raw"].to_list() for block in blocks(lines, bounds)]
    assert [text for block in found for text in block] == texts
    assert all(len(block) <= 17 and sum(map(len, block)) <= 60 for block in found)
    assert all(len(block) == 17 or sum(map(len, block)) + len(after[0]) > 60 for block, after in pairwise(found))


@pytest.mark.parametrize(("length", "compression"), [(10, "UNCOMPRESSED"), (2_000, "LZ4_RAW")])
def test_short_rows_are_put_aside_uncompressed(tmp_path: Path, length: int, compression: str) -> None:
    """On a disk of this machine; long ones would take their whole length there."""
    path = tmp_path / "aside.parquet"
    spilled(pl.DataFrame({"a": [str(number) * length for number in range(8)]}), str(path), StorageOptions())
    found = duckdb.execute("SELECT DISTINCT compression FROM parquet_metadata(?)", [str(path)]).fetchall()
    assert found == [(compression,)]


def test_rows_put_aside_elsewhere_are_compressed() -> None:
    assert compression_aside("s3://bucket/aside.parquet", 10) == "lz4"
