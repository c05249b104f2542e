"""Writing: a file's digest and figures stand in the log, as other readers take them."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Self

import polars as pl
import pytest
from deltalake import DeltaTable

from medallion_assets.contracts.table import (
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    Money,
    Table,
    Text,
    TextList,
    TimestampUtc,
)
from medallion_assets.delta.files.data_files import DIGEST
from medallion_assets.delta.files.parquet_footer import footer_length
from medallion_assets.delta.files.writing import FOOTER_BYTES, _HashingSink
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import DiskFullError, PermanentError
from medallion_assets_tests.refining.planting import DAY, STOCK, lake, put, stock
from medallion_assets_tests.services.s3 import S3Server

KINDS = Table(
    name="silver.kinds",
    description="a column of each type",
    columns=(
        Column("name", Text(), "text"),
        Column("size", Integer(), "number"),
        Column("price", Money, "exact"),
        Column("share", Float(), "a float"),
        Column("at", TimestampUtc(), "moment"),
        Column("day", Date(), "day"),
        Column("is_new", Boolean(), "flag"),
        Column("tags", TextList(), "list"),
        Column("note", Text(), "nobody looks it up", has_bounds=False),
    ),
)
ROWS: list[dict[str, Any]] = [
    {
        "name": "b",
        "size": -3,
        "price": Decimal("99999999999999.9999"),
        "share": 0.5,
        "at": datetime(2025, 3, 9, 10, 0, 0, 123456, tzinfo=UTC),
        "day": date(2025, 3, 9),
        "is_new": True,
        "tags": ["x"],
        "note": "n",
    },
    {**dict.fromkeys(KINDS.column_names), "name": "a" * 100, "price": Decimal("-0.0001")},
]


def stats(snapshot: Snapshot) -> list[dict[str, Any]]:
    """What the log says of the files that its last commit added; exact numbers stay exact."""
    log = Path(snapshot.uri) / "_delta_log" / f"{snapshot.version:020d}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    return [json.loads(each["add"]["stats"], parse_float=Decimal) for each in actions if "add" in each]


@pytest.fixture
def kinds(tmp_path: Path) -> Snapshot:
    lakehouse = lake(tmp_path)
    snapshot = lakehouse.ready(KINDS)
    snapshot.commit([snapshot.folder.write(pl.DataFrame(ROWS, schema=polars_schema(KINDS)).lazy())])
    return lakehouse.open(KINDS)


def test_the_log_holds_the_digest_and_checkpoints_keep_it(kinds: Snapshot) -> None:
    (path,) = kinds.files["path"]
    digest = hashlib.sha256((Path(kinds.uri) / path).read_bytes()).hexdigest()
    assert [stat[DIGEST] for stat in stats(kinds)] == [digest]
    DeltaTable(kinds.uri).create_checkpoint()
    (checkpoint,) = (Path(kinds.uri) / "_delta_log").glob("*.checkpoint.parquet")
    kept = pl.read_parquet(checkpoint)["add"].struct.field("stats").drop_nulls()
    assert [json.loads(text)[DIGEST] for text in kept] == [digest]


def test_every_column_that_can_have_bounds_has_them(kinds: Snapshot) -> None:
    """Each in the type of its column, money digit by digit; missing values are counted for all."""
    (figures,) = stats(kinds)
    assert figures["minValues"] == {
        "name": "a" * 64,
        "size": -3,
        "price": Decimal("-0.0001"),
        "at": "2025-03-09T10:00:00.123456Z",
        "day": "2025-03-09",
    }
    assert figures["maxValues"] == {**figures["minValues"], "name": "b", "price": Decimal("99999999999999.9999")}
    row = kinds.files.row(0, named=True)
    assert (row["max.price"], row["max.at"], row["max.day"]) == (ROWS[0]["price"], ROWS[0]["at"], ROWS[0]["day"])
    assert (row["min.size"], row["null_count.size"], row["null_count.note"], row["null_count.name"]) == (-3, 1, 1, 0)


def test_other_readers_skip_by_them_and_lose_no_row(kinds: Snapshot) -> None:
    """Polars' own Delta reader, which knows nothing of ours, asked for each value that is there."""
    theirs = pl.scan_delta(kinds.uri)
    for row in ROWS:
        for name in ("name", "size", "price", "at", "day", "is_new", "note"):
            if row[name] is not None:
                assert theirs.filter(pl.col(name) == row[name]).collect().height == 1, name
    assert theirs.filter(pl.col("price") > 99_999_999_999_999).collect().height == 1
    assert theirs.filter(pl.col("name") > "b").collect().height == 0


def test_other_readers_do_not_open_what_they_skip(tmp_path: Path) -> None:
    """The file that cannot hold the key is not even there."""
    lakehouse = lake(tmp_path)
    put(lakehouse, ("a", DAY, 1))
    put(lakehouse, ("b", DAY, 2))
    snapshot = lakehouse.ready(STOCK)
    (Path(snapshot.uri) / snapshot.files.filter(pl.col("min.item_id") == "a")["path"].item()).unlink()
    theirs = pl.scan_delta(snapshot.uri)
    assert theirs.filter(pl.col("item_id") == "b").collect().height == 1
    with pytest.raises(FileNotFoundError):
        theirs.filter(pl.col("item_id") == "a").collect()


def test_bounds_that_must_be_exact_are_never_shortened(tmp_path: Path) -> None:
    snapshot = lake(tmp_path).ready(STOCK)
    with pytest.raises(PermanentError, match="item_id is too long for the log"):
        snapshot.folder.write(stock(("x" * 64, DAY, 1)), partition=DAY, bounds=["item_id"])
    assert (
        snapshot.folder.write(stock(("x" * 63, DAY, 1)), partition=DAY, bounds=["item_id"]).bounds["item_id"][0]
        == "x" * 63
    )


def test_a_file_without_rows_takes_bounds_that_are_given_to_it(tmp_path: Path) -> None:
    """What Bronze does with an export that is empty."""
    lakehouse = lake(tmp_path)
    snapshot = lakehouse.ready(STOCK)
    written = snapshot.folder.write(stock(), partition=DAY)
    assert (written.rows, written.bounds) == (0, {})
    snapshot.commit([replace(written, bounds={"item_id": ("e", "e")})])
    assert lakehouse.open(STOCK).files.select("num_records", "min.item_id").row(0) == (0, "e")


def test_a_storage_that_fails_is_not_the_rows_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars wraps what its file raises in an error about the rows; Bronze would refuse the export for it."""

    class Full:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, _: bytes) -> int:
            raise OSError("No space left on device (os error 28)")

    snapshot = lake(tmp_path).ready(STOCK)
    monkeypatch.setattr("obstore.open_writer", lambda *_: Full())
    with pytest.raises(DiskFullError, match="No space left"):
        snapshot.folder.write(stock(("a", DAY, 1)), partition=DAY)


def test_what_is_wrong_with_the_rows_stays_so_and_leaves_no_file(tmp_path: Path) -> None:
    snapshot = lake(tmp_path).ready(STOCK)
    rows = stock(("a", DAY, 1)).with_columns(pl.col("item_id").str.to_integer().cast(pl.String))
    with pytest.raises(pl.exceptions.ComputeError):
        snapshot.folder.write(rows, partition=DAY)
    assert not list(Path(snapshot.uri).rglob("*.parquet"))


def test_a_bucket_takes_the_same(s3_server: S3Server) -> None:
    """The digest is of the bytes that lie there."""
    bucket = s3_server.make_bucket()
    lakehouse = Lakehouse(url=f"s3://{bucket}/lake", storage_options=s3_server.environment)
    put(lakehouse, ("a", DAY, 1))
    snapshot = lakehouse.open(STOCK)
    written = snapshot.folder.write(stock(("b", DAY, 2)), partition=DAY)
    data = s3_server.client.get_object(Bucket=bucket, Key=f"lake/silver/stock/{written.path}")["Body"].read()
    assert (written.size, written.digest) == (len(data), hashlib.sha256(data).hexdigest())
    assert (snapshot.row_count, written.rows, written.bounds["item_id"]) == (1, 1, ("b", "b"))


def test_nothing_of_a_file_is_read_back(s3_server: S3Server) -> None:
    """A request each would be a wait each, of which a window of changes has one a day."""
    bucket = s3_server.make_bucket()
    lakehouse = Lakehouse(url=f"s3://{bucket}/lake", storage_options=s3_server.environment)
    folder = lakehouse.ready(STOCK).folder
    with s3_server.counted() as requests:
        written = folder.write(stock(("b", DAY, 2)), partition=DAY)
    assert dict(requests) == {"PUT": 1}
    assert written.bounds["item_id"] == ("b", "b")


def test_a_footer_longer_than_what_is_kept_of_a_file_is_read_from_there(tmp_path: Path) -> None:
    folder = lake(tmp_path).ready(STOCK).folder
    names = [f"{number:04}" for number in range(1_500)]
    written = folder.write(stock(*((name, DAY, 1) for name in names)), partition=DAY, row_group_rows=1)
    assert footer_length((Path(folder.uri) / written.path).read_bytes()) > FOOTER_BYTES
    assert (written.rows, written.bounds["item_id"]) == (1_500, ("0000", "1499"))


@pytest.mark.parametrize(
    "lengths",
    [[10], [1000] * 200, [1, FOOTER_BYTES - 1, 1], [5, 3 * FOOTER_BYTES, 7], [2 * FOOTER_BYTES]],
    ids=["one short", "many short", "just full", "a long one between", "one long"],
)
def test_the_end_of_a_file_is_kept_however_it_is_written(lengths: list[int]) -> None:
    file = io.BytesIO()
    sink = _HashingSink(file)
    for length in lengths:
        sink.write(Random(length).randbytes(length))
        whole = file.getvalue()
        assert whole.endswith(sink.end)
        assert len(whole) == sink.size
        assert min(sink.size, FOOTER_BYTES) <= len(sink.end) < 2 * FOOTER_BYTES


def test_a_partition_that_is_a_moment_is_refused(tmp_path: Path) -> None:
    """The log would take it as text, and nobody could open the table any more."""
    folder = Lakehouse(url=str(tmp_path)).ready(KINDS).folder
    with pytest.raises(TypeError, match="a partition is a day"):
        folder.write(pl.LazyFrame(schema=polars_schema(KINDS)), partition=datetime(2025, 1, 1, tzinfo=UTC))
