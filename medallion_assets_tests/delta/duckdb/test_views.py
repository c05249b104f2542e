"""A view holds what the snapshot holds: row for row and type for type, wherever the files lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts import table as contracts
from medallion_assets.contracts.table import Column, Table
from medallion_assets.delta.duckdb.files import FilesOnDemand
from medallion_assets.delta.duckdb.views import connect, make_view
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import DiskFullError, PermanentError, UnreadableTableError
from medallion_assets.storage import disk_space
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.planting import DAY, NEXT_DAY, STOCK, put
from medallion_assets_tests.services.s3 import S3Server

KINDS = Table(
    name="silver.kinds",
    description="every type",
    key=('it\'s a "key"',),
    partition_by="day",
    columns=(
        Column('it\'s a "key"', contracts.Text(), "text, with an odd name"),
        Column("day", contracts.Date(), "the partition", nullable=True),
        Column("number", contracts.Integer(), "64 bits", nullable=True),
        Column("price", contracts.Money, "exact", nullable=True),
        Column("share", contracts.Float(), "not exact", nullable=True),
        Column("moment", contracts.TimestampUtc(), "UTC", nullable=True),
        Column("date", contracts.Date(), "a day", nullable=True),
        Column("select", contracts.Boolean(), "a flag that is called like a word of SQL", nullable=True),
        Column("tags", contracts.TextList(), "a list", nullable=True),
        Column("is_deleted", contracts.Boolean(), "a tombstone", nullable=True),
    ),
)
LONGER = replace(KINDS, columns=(*KINDS.columns, Column("late", contracts.Decimal(38, 9), "gained", nullable=True)))
WHOLE = replace(LONGER, name="silver.whole", partition_by=None)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
exact = st.decimals(min_value="-99999999999999.9999", max_value="99999999999999.9999", places=4)
values = st.fixed_dictionaries(
    {
        'it\'s a "key"': texts,
        "day": st.none() | st.sampled_from([DAY, NEXT_DAY, date(1, 1, 1), date(9999, 12, 31)]),
        "number": st.none() | st.integers(-(2**63), 2**63 - 1),
        "price": st.none() | exact,
        "share": st.none() | st.floats(allow_nan=False),
        "moment": st.none() | st.datetimes(timezones=st.just(UTC)),
        "date": st.none() | st.dates(),
        "select": st.none() | st.booleans(),
        "tags": st.none() | st.lists(st.none() | texts, max_size=2),
        "is_deleted": st.none() | st.booleans(),
        "late": st.none() | st.decimals(min_value="-1e28", max_value="1e28", places=9),
    }
)
commits = st.lists(st.lists(values, min_size=1, max_size=4), max_size=3)


def view(snapshot: Snapshot, downloads: Path, **options: Any) -> pl.DataFrame:
    """The rows of a snapshot's view."""
    with connect() as connection:
        make_view(connection, snapshot, downloads=downloads, schema="a", name="view", **options)
        return pl.DataFrame(connection.sql("from a.view"))


def commit(lakehouse: Lakehouse, table: Table, rows: list[dict[str, Any]], *, remove: int = 0) -> None:
    """Add rows, each partition's as a file, and take away some files that are there."""
    snapshot = lakehouse.ready(table)
    frame = pl.DataFrame(rows, schema=polars_schema(table))
    days = dict.fromkeys(row.get("day") for row in rows) if table.partition_by else {None: None}
    in_day = {day: pl.col("day").eq_missing(day) if table.partition_by else True for day in days}
    written = [snapshot.folder.write(frame.lazy().filter(in_day[day]), partition=day) for day in days]
    snapshot.commit(written, remove=snapshot.files["path"][:remove] if snapshot.files.height else [])


@given(table=st.sampled_from([LONGER, WHOLE]), commits=commits, remove=st.integers(0, 2))
@examples()
def test_a_view_holds_the_rows_of_every_version(table: Table, commits: list[list[dict[str, Any]]], remove: int) -> None:
    """Half of the rows come before the contract has gained a column."""
    with TemporaryDirectory() as folder:
        lakehouse = Lakehouse(url=f"{folder}/lake")
        shorter = replace(table, columns=KINDS.columns)
        lakehouse.create(shorter)
        for number, rows in enumerate(commits):
            contract = table if number >= len(commits) / 2 else shorter
            commit(lakehouse, contract, [{n: row[n] for n in contract.column_names} for row in rows], remove=remove)
        for version in range(lakehouse.open(table).version + 1):
            snapshot = lakehouse.open(table, version)
            held = snapshot.scan().collect()
            assert_equal(view(snapshot, Path(folder), with_tombstones=True), held)
            assert_equal(view(snapshot, Path(folder)), held.filter(pl.col("is_deleted").ne_missing(other=True)))


def assert_equal(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    assert found.schema == expected.schema
    assert sorted(map(repr, found.rows())) == sorted(map(repr, expected.rows()))


def test_a_view_of_some_files(tmp_path: Path) -> None:
    lakehouse = Lakehouse(url=str(tmp_path))
    put(lakehouse, ("a", DAY, 1), ("b", NEXT_DAY, None), ("c", None, 3))
    snapshot = lakehouse.open(STOCK)
    some = snapshot.partition_files([DAY, None])["path"]
    assert sorted(view(snapshot, tmp_path, paths=some).rows()) == [("a", DAY, 1), ("c", None, 3)]
    nothing = view(snapshot, tmp_path, paths=[])
    assert (nothing.height, nothing.schema) == (0, polars_schema(STOCK))


def test_a_history_has_no_tombstones(tmp_path: Path) -> None:
    """Its flag says that a version ended with a delete, and the version held all the same."""
    table = replace(KINDS, history=True, name="silver.history")
    lakehouse = Lakehouse(url=str(tmp_path))
    commit(lakehouse, table, [{'it\'s a "key"': "ended", "day": DAY, "is_deleted": True}])
    assert view(lakehouse.open(table), tmp_path).height == 1


def test_a_later_commit_does_not_change_a_view(tmp_path: Path) -> None:
    """A view in a file of DuckDB's, as dbt has it, is of the version that it was made of."""
    lakehouse = Lakehouse(url=str(tmp_path / "lake"))
    put(lakehouse, ("a", DAY, 1))
    with connect(tmp_path / "star.duckdb") as connection:
        make_view(connection, lakehouse.open(STOCK), downloads=tmp_path)
    put(lakehouse, ("b", DAY, 2))
    with connect(tmp_path / "star.duckdb") as connection:
        assert connection.sql("select item_id from silver.stock").fetchall() == [("a",)]


def test_days_do_not_follow_the_zone_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    lakehouse = Lakehouse(url=str(tmp_path))
    commit(lakehouse, KINDS, [{'it\'s a "key"': "a", "day": DAY, "moment": datetime(2025, 3, 8, 1, tzinfo=UTC)}])
    with connect() as connection:
        make_view(connection, lakehouse.open(KINDS), downloads=tmp_path)
        assert connection.sql("select moment::date, moment::text from silver.kinds").fetchall() == [
            (date(2025, 3, 8), "2025-03-08 01:00:00+00")
        ]


@pytest.mark.parametrize("above", ["it's", "[x] {a,b}*", "env=prod/zone=1", 'a "b"'])
def test_the_place_of_a_table_may_have_an_odd_name(tmp_path: Path, above: str) -> None:
    """No pattern, no quotes, and no partition follow from it."""
    lakehouse = Lakehouse(url=str(tmp_path / above))
    put(lakehouse, ("a", DAY, 1), ("c", None, 3))
    found = view(lakehouse.open(STOCK), tmp_path)
    assert sorted(found.rows()) == [("a", DAY, 1), ("c", None, 3)]


def test_a_folder_that_looks_like_the_partition_is_refused(tmp_path: Path) -> None:
    lakehouse = Lakehouse(url=str(tmp_path / "counted_date=2020-01-01"))
    put(lakehouse, ("a", DAY, 1))
    with pytest.raises(PermanentError, match="counted_date=2020-01-01"):
        view(lakehouse.open(STOCK), tmp_path)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    lakehouse = Lakehouse(url=str(tmp_path))
    put(lakehouse, ("a", DAY, 1))
    snapshot = lakehouse.open(STOCK)
    (path,) = snapshot.files["path"]
    (tmp_path / STOCK.path / path).unlink()
    with pytest.raises(UnreadableTableError, match=path):
        view(snapshot, tmp_path)


def test_no_extension_is_asked_for() -> None:
    """What dates, JSON and Parquet need is part of the package: nothing is loaded from a network."""
    with connect() as connection:
        assert connection.sql("select '{\"a\": 1}'::json->>'a', timezone('UTC', now()) is not null").fetchall()
        with pytest.raises(duckdb.Error):
            connection.execute("from 'https://localhost:1/a.parquet'")


def test_files_in_a_bucket_are_downloaded_once(s3_server: S3Server, tmp_path: Path) -> None:
    url = f"s3://{s3_server.make_bucket()}/lake of 2025"
    lakehouse = Lakehouse(url=url, storage_options=s3_server.environment)
    commit(lakehouse, KINDS, [{'it\'s a "key"': "a", "day": DAY, "price": Decimal("1.5")}, {'it\'s a "key"': "b"}])
    before = lakehouse.open(KINDS)
    steps: list[tuple[int, int]] = []
    assert_equal(view(before, tmp_path, progress=lambda *step: steps.append(step)), before.scan().collect())
    assert sorted(steps) == [(1, 2), (2, 2)]
    commit(lakehouse, KINDS, [{'it\'s a "key"': "c", "day": NEXT_DAY}])
    after = lakehouse.open(KINDS)
    assert_equal(view(after, tmp_path, progress=lambda *step: steps.append(step)), after.scan().collect())
    assert steps[2:] == [(1, 1)]


def test_a_query_downloads_the_files_that_it_reads(s3_server: S3Server, tmp_path: Path) -> None:
    """A partition that the query leaves out is never asked for."""
    lakehouse = Lakehouse(url=f"s3://{s3_server.make_bucket()}/lake", storage_options=s3_server.environment)
    put(lakehouse, ("a", DAY, 1), ("b", NEXT_DAY, None), ("c", None, 3))
    snapshot, files = lakehouse.open(STOCK), FilesOnDemand(tmp_path)
    with connect() as connection:
        connection.register_filesystem(files)
        make_view(connection, snapshot, downloads=files)
        query = f"select item_id from silver.stock where counted_date = '{NEXT_DAY}'"
        assert connection.execute(query).fetchall() == [("b",)]
        assert [file.parent.name for file in tmp_path.rglob("*.parquet")] == [f"counted_date={NEXT_DAY}"]
        assert connection.execute("select count(*), max(item_id) from silver.stock").fetchall() == [(3, "c")]


def test_a_file_that_is_gone_from_a_bucket_is_named(s3_server: S3Server, tmp_path: Path) -> None:
    bucket = s3_server.make_bucket()
    lakehouse = Lakehouse(url=f"s3://{bucket}/lake", storage_options=s3_server.environment)
    put(lakehouse, ("a", DAY, 1))
    snapshot = lakehouse.open(STOCK)
    (path,) = snapshot.files["path"]
    s3_server.client.delete_object(Bucket=bucket, Key=f"lake/{STOCK.path}/{path}")
    with pytest.raises(UnreadableTableError, match=path):
        view(snapshot, tmp_path)
    files = FilesOnDemand(tmp_path)
    with connect() as connection:
        connection.register_filesystem(files)
        make_view(connection, snapshot, downloads=files)
        with pytest.raises(Exception, match="which is not there"):
            connection.execute("from silver.stock").fetchall()
    assert isinstance(files.failure, UnreadableTableError)


def test_a_download_that_was_cut_off_is_made_again(s3_server: S3Server, tmp_path: Path) -> None:
    lakehouse = Lakehouse(url=f"s3://{s3_server.make_bucket()}", storage_options=s3_server.environment)
    put(lakehouse, ("a", DAY, 1))
    snapshot = lakehouse.open(STOCK)
    cut = tmp_path / STOCK.path / snapshot.files["path"][0]
    cut.parent.mkdir(parents=True)
    cut.write_bytes(b"PAR1")
    assert view(snapshot, tmp_path).rows() == [("a", DAY, 1)]


def test_what_does_not_fit_on_the_disk_is_not_downloaded(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No disk here is full, so more has to be left on it than any has."""
    monkeypatch.setattr(disk_space, "LEAST_BYTES", 10**18)
    lakehouse = Lakehouse(url=f"s3://{s3_server.make_bucket()}", storage_options=s3_server.environment)
    put(lakehouse, ("a", DAY, 1))
    snapshot, files = lakehouse.open(STOCK), FilesOnDemand(tmp_path)
    with pytest.raises(DiskFullError, match=r"a copy of silver\.stock does not fit"):
        view(snapshot, tmp_path)
    with connect() as connection:
        connection.register_filesystem(files)
        make_view(connection, snapshot, downloads=files)
        with pytest.raises(Exception, match="does not fit"):
            connection.execute("from silver.stock").fetchall()
    assert isinstance(files.failure, DiskFullError)
    assert not list(tmp_path.rglob("*.parquet*"))
