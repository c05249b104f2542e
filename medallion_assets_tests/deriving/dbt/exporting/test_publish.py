"""Builds that meet, and a burst that ends half way: readers of releases see whole stars alone (rule D8)."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from medallion_assets.contracts.table import Column, Date, Decimal, Integer, Money, Table
from medallion_assets.delta.duckdb.views import connect
from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.replacing.table_changes import Comparison
from medallion_assets.delta.row_tables.releases import latest_release, open_release
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.exporting.export import WrittenModel, write_model
from medallion_assets.deriving.dbt.exporting.publish import Publication, publish
from medallion_assets.errors import CommitConflictError, PermanentError
from medallion_assets_tests.deriving.dbt.planting import NOW

NUMBER = Column("number", Integer(), "says which build it is of")
DIMENSION = Table(name="gold.dimension", description="", key=("number",), columns=(NUMBER,))
FACT = Table(
    name="gold.fact",
    description="",
    key=("month", "number"),
    partition_by="month",
    columns=(Column("month", Date(), "the partition"), NUMBER, Column("amount", Money, "money")),
)
TABLES = (DIMENSION, FACT)


@contextmanager
def built(number: int, *months: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """What a build leaves in its DuckDB file; a fact in some months of 2025."""
    with connect() as connection:
        connection.execute("create schema gold")
        connection.execute(f"create table gold.dimension as select {number}::smallint as number, 'more' as more")
        connection.execute("create table gold.fact (amount decimal(38, 4), number utinyint, month date)")
        for month in months:
            connection.execute(f"insert into gold.fact values ({month}.5, {number}, date '2025-{month}-01')")
        yield connection


def written(lake: Lakehouse, number: int, *months: int) -> list[WrittenModel]:
    """The models of a build, written upon the tables as they are now."""
    bases = [lake.ready(table) for table in TABLES]
    with built(number, *months) as connection:
        return [write_model(connection, base) for base in bases]


def publication(lake: Lakehouse, number: int, *months: int) -> Publication:
    return Publication(release_id=f"release-{number}", sources=[], models=written(lake, number, *months))


def test_models_become_what_their_contracts_say(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 7, 1, 2), build="star", run_id="run", now=NOW)
    assert lake.open(DIMENSION).scan().collect().to_dicts() == [{"number": 7}]
    assert [str(day) for day in lake.open(FACT).partitions] == ["2025-01-01", "2025-02-01"]
    (release, fact) = latest_release(lake, "star", DIMENSION), lake.open(FACT)
    assert release is not None
    assert release.run_id == "run"
    assert '"release-7"' in commits_since(fact, 0)[0]["medallion_release"]


def test_partitions_that_are_the_same_keep_their_files(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 1, 1, 2, 3), build="star", run_id=None, now=NOW)
    before = dict(lake.open(FACT).files.select("partition.month", "path").iter_rows())
    again = publication(lake, 1, 1, 2)  # March is empty now
    publish(again, build="star", run_id=None, now=NOW)
    after = dict(lake.open(FACT).files.select("partition.month", "path").iter_rows())
    assert after == {month: path for month, path in before.items() if month.month < 3}
    assert [len(model.add) for model in again.models] == [0, 0]
    assert [lake.open(table).version for table in TABLES] == [2, 2]  # a commit each, that says so


def test_a_burst_that_ends_half_way_is_left_behind(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 1, 1), build="star", run_id=None, now=NOW)
    next(publication(lake, 2, 1).burst())  # the dimension's commit, and then the process is gone
    assert lake.open(DIMENSION).scan().collect()["number"].to_list() == [2]
    assert pinned(lake) == ([1], [1])
    publish(publication(lake, 3, 1), build="star", run_id=None, now=NOW)
    assert pinned(lake) == ([3], [3])
    assert lake.open(FACT).scan().collect()["number"].to_list() == [3]


def test_a_build_that_was_overtaken_publishes_nothing(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    slow = publication(lake, 1, 1)
    publish(publication(lake, 2, 1), build="star", run_id=None, now=NOW)
    with pytest.raises(CommitConflictError, match="another build was published meanwhile"):
        publish(slow, build="star", run_id=None, now=NOW)
    assert pinned(lake) == ([2], [2])


def test_of_two_bursts_at_once_one_wins_whole(tmp_path: Path) -> None:
    """Whatever the order of their commits: a release names rows of one build alone."""
    for first, second in (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))):
        lake = Lakehouse(url=str(tmp_path / f"{first}"))
        builds = [publication(lake, 1, 1), publication(lake, 2, 1)]
        done = [iter(build.burst()) for build in builds]
        lost = set()
        for moment in range(4):
            number = 0 if moment in first else 1
            try:
                next(done[number])
            except CommitConflictError:
                lost.add(number)
            except StopIteration:
                pass
        assert lost == {1} if first[0] < second[0] else {0}


def test_a_build_without_a_change_keeps_out_one_that_opened_the_tables_before(tmp_path: Path) -> None:
    """Else the older build's facts would stand beside the newer one's dimension."""
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 1, 1), build="star", run_id=None, now=NOW)
    older = publication(lake, 1, 1, 2)
    publish(publication(lake, 1, 1), build="star", run_id=None, now=NOW)
    with pytest.raises(CommitConflictError):
        list(older.burst())
    assert [str(day) for day in lake.open(FACT).partitions] == ["2025-01-01"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("alter table gold.fact drop amount"), "amount"),
        (("update gold.fact set amount = 1e15"), "1000000000000000.0000"),
        (("update gold.fact set number = null"), "1 rows: no number, such as {'month': 2025-01-01, 'number': NULL}"),
        (("insert into gold.fact from gold.fact"), "2 rows with month = 2025-01-01, number = 1"),
        (("alter table gold.fact alter amount type decimal(18, 6) using 0.123456"), "such as 0.123456"),
        (("alter table gold.fact alter number type double using 1.6"), "1 rows: number (DOUBLE) would be another"),
        (("alter table gold.fact alter number type varchar using '1'"), "1 rows: number (VARCHAR) would be another"),
        (("alter table gold.fact alter amount type double using 1e15"), "1000000000000000.0"),
        (("alter table gold.fact alter amount type double using 'nan'"), "nan"),
        (("alter table gold.fact alter month type timestamp using month + interval 10 hours"), "2025-01-01 10:00:00"),
    ],
)
def test_what_does_not_fit_its_contract_is_refused(tmp_path: Path, change: str, said: str) -> None:
    lake = Lakehouse(url=str(tmp_path))
    with built(1, 1) as connection:
        connection.execute(change)
        with pytest.raises(PermanentError, match="the dbt model fact does not fit the contract") as refused:
            write_model(connection, lake.ready(FACT))
    assert said in str(refused.value.found)


def test_a_partition_of_another_type_becomes_a_day(tmp_path: Path) -> None:
    """Of `date_trunc('month', ...)`, say, which gives a moment: the table would never be opened again."""
    lake = Lakehouse(url=str(tmp_path))
    with built(1, 1, 2) as connection:
        connection.execute("alter table gold.fact alter month type timestamptz")
        model = write_model(connection, lake.ready(FACT))
    list(Publication(release_id="x", sources=[], models=[model]).burst())
    assert [str(day) for day in lake.open(FACT).partitions] == ["2025-01-01", "2025-02-01"]


def test_a_float_is_rounded_to_the_decimals_of_its_column(tmp_path: Path) -> None:
    """As of a mean: it has no exact digits to lose."""
    lake = Lakehouse(url=str(tmp_path))
    with built(1, 1) as connection:
        connection.execute("alter table gold.fact alter amount type double using 2.0 / 3")
        model = write_model(connection, lake.ready(FACT))
    list(Publication(release_id="x", sources=[], models=[model]).burst())
    assert lake.open(FACT).scan().collect()["amount"].to_list() == [decimal.Decimal("0.6667")]


def test_a_file_that_is_gone_is_written_again(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 1, 1), build="star", run_id=None, now=NOW)
    (path,) = lake.open(FACT).files["path"]
    (Path(lake.uri(FACT)) / path).unlink()
    publish(publication(lake, 1, 1), build="star", run_id=None, now=NOW)
    assert lake.open(FACT).scan().collect()["number"].to_list() == [1]


def test_a_contract_that_gained_a_column_is_published(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 1, 1), build="star", run_id=None, now=NOW)
    more = replace(DIMENSION, columns=(NUMBER, Column("more", NUMBER.type, "gained", nullable=True)))
    with built(1, 1) as connection:
        connection.execute("alter table gold.dimension alter more type integer using 5")
        model = write_model(connection, lake.ready(more))
    list(Publication(release_id="x", sources=[], models=[model]).burst())
    assert lake.open(more).scan().collect().to_dicts() == [{"number": 1, "more": 5}]


def test_a_rebuild_writes_damaged_files_again_and_takes_the_columns_of_the_contract(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 1, 1, 2), build="star", run_id=None, now=NOW)
    first, second = sorted(lake.open(FACT).files["path"])
    damaged = Path(lake.uri(FACT)) / second
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    wider = replace(DIMENSION, columns=(replace(NUMBER, type=Decimal(20, 0)),))
    with pytest.raises(PermanentError, match=r"medallion rebuild gold\.dimension"):
        lake.ready(wider)
    with built(1, 1, 2) as connection:
        for table, rebuilt in ((FACT, FACT), (DIMENSION, wider)):
            comparison = Comparison(table=rebuilt)
            asked = write_model(connection, lake.open_any(rebuilt), rebuild=comparison, writes=False)
            assert asked.add == []
            model = write_model(connection, lake.open_any(rebuilt), rebuild=Comparison(table=rebuilt))
            list(Publication(release_id="x", sources=[], models=[model]).burst())
            assert lake.open(rebuilt).row_count == (2 if table is FACT else 1)
    paths = set(lake.open(FACT).files["path"])
    assert first in paths
    assert second not in paths


def pinned(lake: Lakehouse) -> tuple[list[int], list[int]]:
    """What a reader of the latest release sees of each table."""
    release = latest_release(lake, "star", DIMENSION)
    assert release is not None
    dimension, fact = (open_release(lake, release, table).scan().collect()["number"].to_list() for table in TABLES)
    return dimension, fact
