"""Snapshots and the one way to commit: the next version of what was read, or nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from medallion_assets.contracts.table import Boolean, Column, Money, Table, Text, TextList, TimestampUtc
from medallion_assets.delta.notes.commit_notes import RESTATED, commit_note, commits_since, restated_since
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import CommitConflictError, PermanentError, TransientError
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.faults.injection import COMMITS, CREATE, Call, Disturbance, fails
from medallion_assets_tests.refining.planting import DAY, NEXT_DAY, STOCK, lake, put, stock

KINDS = Table(
    name="silver.kinds",
    description="a table with the remaining types",
    columns=(
        Column("name", Text(), "text"),
        Column("price", Money, "exact"),
        Column("at", TimestampUtc(), "moment"),
        Column("is_new", Boolean(), "flag"),
        Column("tags", TextList(), "list"),
    ),
)


def rows(lakehouse: Lakehouse, **options: object) -> list[tuple[object, ...]]:
    return lakehouse.open(STOCK).scan(**options).sort("item_id").collect().rows()  # type: ignore[arg-type]


def test_a_table_is_made_when_it_is_opened(lakehouse: Lakehouse) -> None:
    assert not lakehouse.exists(STOCK)
    snapshot = lakehouse.ready(STOCK)
    assert lakehouse.exists(STOCK)
    assert (snapshot.version, snapshot.row_count, snapshot.partitions) == (0, 0, [])
    assert snapshot.scan().collect().schema == stock().collect().schema
    assert snapshot.scan(partitions=[DAY, None]).collect().height == 0


def test_tables_stay_readable_for_everybody(lakehouse: Lakehouse) -> None:
    """Reader 1, writer 2: no feature that another engine could lack; the log is kept for ten years."""
    put(lakehouse, ("a", DAY, 1))
    delta = lakehouse.open(STOCK).delta
    assert (delta.protocol().min_reader_version, delta.protocol().min_writer_version) == (1, 2)
    assert delta.metadata().configuration == {"delta.logRetentionDuration": "interval 3650 days"}
    assert delta.metadata().partition_columns == ["counted_date"]


def test_rows_come_back_by_partition_and_file_and_whole(lakehouse: Lakehouse) -> None:
    put(lakehouse, ("a", DAY, 1), ("b", NEXT_DAY, None), ("c", None, 3))
    snapshot = lakehouse.open(STOCK)
    assert rows(lakehouse) == [("a", DAY, 1), ("b", NEXT_DAY, None), ("c", None, 3)]
    assert rows(lakehouse, partitions=[DAY]) == [("a", DAY, 1)]
    assert rows(lakehouse, partitions=[None]) == [("c", None, 3)]
    assert rows(lakehouse, partitions=[DAY, None, date(2020, 1, 1)]) == [("a", DAY, 1), ("c", None, 3)]
    assert rows(lakehouse, partitions=[]) == []
    (path,) = snapshot.partition_files([NEXT_DAY])["path"]
    assert rows(lakehouse, paths=[path]) == [("b", NEXT_DAY, None)]
    assert snapshot.partitions == [DAY, NEXT_DAY, None]
    assert snapshot.row_count == 3


def test_every_type_comes_back_as_it_was_written(lakehouse: Lakehouse) -> None:
    moment = datetime(2025, 3, 9, 10, 0, 0, 123456, tzinfo=UTC)
    frame = pl.DataFrame(
        {"name": ["é"], "price": ["0.0001"], "at": [moment], "is_new": [True], "tags": [["a", None]]},
        schema_overrides={"at": pl.Datetime("us", "UTC"), "tags": pl.List(pl.String)},
    ).with_columns(pl.col("price").cast(pl.Decimal(18, 4)))
    snapshot = lakehouse.ready(KINDS)
    written = snapshot.folder.write(frame.lazy(), bounds=["name", "at"])
    snapshot.commit([written])
    snapshot = lakehouse.open(KINDS)
    assert snapshot.scan().collect().equals(frame)
    bounds = snapshot.files.select("num_records", "min.name", "max.at", "size_bytes").row(0)
    assert bounds == (1, "é", moment, (Path(snapshot.uri) / written.path).stat().st_size)


def test_what_is_written_is_in_no_version_before_its_commit(lakehouse: Lakehouse) -> None:
    snapshot = lakehouse.ready(STOCK)
    written = snapshot.folder.write(stock(("a", DAY, 1)), partition=DAY)
    assert (rows(lakehouse), written.rows) == ([], 1)
    assert snapshot.commit([written]) == 1
    assert rows(lakehouse) == [("a", DAY, 1)]
    assert rows(lakehouse, partitions=[DAY]) == [("a", DAY, 1)]


def test_files_are_replaced_in_one_commit(lakehouse: Lakehouse) -> None:
    """The null partition is removed like any other."""
    put(lakehouse, ("a", DAY, 1), ("b", None, 2))
    snapshot = lakehouse.open(STOCK)
    written = snapshot.folder.write(stock(("a", DAY, 9)), partition=DAY)
    snapshot.commit([written], remove=snapshot.files["path"])
    assert rows(lakehouse) == [("a", DAY, 9)]
    assert lakehouse.open(STOCK, version=1).row_count == 2


def test_a_commit_on_a_snapshot_that_is_not_the_latest_is_refused(lakehouse: Lakehouse) -> None:
    """Never rebased, not even when nothing would be lost by it; the snapshot's answers stay true until then."""
    first, second = lakehouse.ready(STOCK), lakehouse.ready(STOCK)
    assert first.commit([first.folder.write(stock(("a", DAY, 1)), partition=DAY)]) == 1
    with pytest.raises(CommitConflictError, match="version 0 to be the latest"):
        second.commit([second.folder.write(stock(("b", NEXT_DAY, 1)), partition=NEXT_DAY)])
    assert rows(lakehouse) == [("a", DAY, 1)]


def test_of_racing_commits_one_wins(lakehouse: Lakehouse) -> None:
    """Also among commits of the same application transaction, which delta-rs alone would take twice."""
    snapshots = [lakehouse.ready(STOCK) for _ in range(6)]
    written = [
        snapshot.folder.write(stock((str(number), DAY, 1)), partition=DAY) for number, snapshot in enumerate(snapshots)
    ]
    results: list[object] = []
    start = threading.Barrier(len(snapshots))

    def commit(number: int) -> None:
        start.wait()
        try:
            results.append(snapshots[number].commit([written[number]], transactions={"e1": 1}))
        except CommitConflictError as error:
            results.append(type(error))

    threads = [threading.Thread(target=commit, args=(number,)) for number in range(len(snapshots))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == sorted(["1", *[str(CommitConflictError)] * 5])
    assert lakehouse.open(STOCK).row_count == 1


def test_a_table_that_another_makes_at_the_same_moment_is_opened(lakehouse: Lakehouse) -> None:
    """Whoever comes second neither fails nor takes away what the first has written already."""

    def another_makes_and_fills_it(call: Call) -> Any:
        put(lakehouse, ("a", DAY, 1), transactions={"e1": 1})
        return call()

    snapshot = Disturbance(0, another_makes_and_fills_it, (CREATE,)).of(lakehouse).ready(STOCK)
    assert (snapshot.row_count, snapshot.transaction("e1")) == (1, 1)


def test_a_table_that_cannot_be_made_is_tried_again_later(lakehouse: Lakehouse) -> None:
    with pytest.raises(TransientError, match="the storage did not answer"):
        Disturbance(0, fails, (CREATE,)).of(lakehouse).ready(STOCK)
    assert lakehouse.ready(STOCK).version == 0


def test_a_table_that_several_make_at_once_is_made_once(tmp_path: Path) -> None:
    """Who comes second adds no commit: it would give the table another id, which all bookkeeping stands on."""
    makers = 6
    start = threading.Barrier(makers)

    def make(lakehouse: Lakehouse) -> tuple[str, int]:
        start.wait()
        snapshot = lakehouse.ready(STOCK)
        return snapshot.table_id, snapshot.version

    with ThreadPoolExecutor(makers) as pool:
        for number in range(15):
            lakehouse = lake(tmp_path / str(number))
            opened = set(pool.map(make, [lakehouse] * makers))
            assert opened == {(lakehouse.open(STOCK).table_id, 0)}


def test_a_lost_answer_is_found_by_the_commits_own_id(lakehouse: Lakehouse) -> None:
    """Even when others have committed since."""

    def loses_it_and_others_commit(call: Call) -> None:
        call()
        put(lakehouse, ("b", DAY, 2))
        raise OSError("the connection broke")

    snapshot = Disturbance(0, loses_it_and_others_commit, COMMITS).of(lakehouse).ready(STOCK)
    written = snapshot.folder.write(stock(("a", DAY, 1)), partition=DAY)
    assert snapshot.commit([written]) == 1
    assert rows(lakehouse) == [("a", DAY, 1), ("b", DAY, 2)]


def test_a_commit_that_failed_says_so(lakehouse: Lakehouse) -> None:
    snapshot = Disturbance(0, fails, COMMITS).of(lakehouse).ready(STOCK)
    with pytest.raises(TransientError, match="a commit failed"):
        snapshot.commit()
    assert lakehouse.open(STOCK).version == 0


def test_a_commit_that_failed_while_others_committed_is_a_conflict(lakehouse: Lakehouse) -> None:
    snapshot = Disturbance(0, fails, COMMITS).of(lakehouse).ready(STOCK)
    put(lakehouse, ("b", DAY, 2))
    with pytest.raises(CommitConflictError):
        snapshot.commit()


def test_transactions_are_as_true_as_the_rows(lakehouse: Lakehouse) -> None:
    """Those of the snapshot's own version; an empty commit carries them as well."""
    before = lakehouse.ready(STOCK)
    before.commit(transactions={"e1": 1, "bronze": 7})
    after = lakehouse.open(STOCK)
    assert (after.transaction("e1"), after.transaction("bronze"), after.transaction("e2")) == (1, 7, None)
    assert lakehouse.open(STOCK, version=0).transaction("e1") is None


def test_a_commit_says_who_made_it_and_what_for(lakehouse: Lakehouse) -> None:
    by_ada = replace(lakehouse, author={"started_by": "ada"})
    by_ada.ready(STOCK).commit(metadata={"note": ["é", {"n": 1}]})
    (commit,) = commits_since(lakehouse.open(STOCK), 0)
    assert (commit["started_by"], commit_note(commit, "note"), commit_note(commit, "other")) == (
        "ada",
        ["é", {"n": 1}],
        None,
    )


def test_the_history_of_a_snapshot_ends_with_it(lakehouse: Lakehouse) -> None:
    """Later commits of others neither show nor shift the numbers, foreign commits in between keep theirs."""
    for number in (1, 2):
        lakehouse.ready(STOCK).commit(metadata={"number": number})
    DeltaTable(lakehouse.uri(STOCK)).alter.set_table_properties({"delta.checkpointInterval": "50"})
    lakehouse.open(STOCK).commit(metadata={"number": 4})
    snapshot = lakehouse.open(STOCK)
    for number in (5, 6, 7):
        lakehouse.open(STOCK).commit(metadata={"number": number})

    def numbers(version: int) -> list[tuple[int, int | None]]:
        return [(commit["version"], commit_note(commit, "number")) for commit in commits_since(snapshot, version)]

    assert numbers(-1) == [(4, 4), (3, None), (2, 2), (1, 1), (0, None)]
    assert numbers(1) == [(4, 4), (3, None), (2, 2)]
    assert numbers(3) == [(4, 4)]
    assert numbers(4) == numbers(9) == []


def test_restated_days_are_those_of_the_snapshots_commits(lakehouse: Lakehouse) -> None:
    """H3: from the commits' own notes, whatever was committed meanwhile."""
    for day in ("2025-03-08", "2025-03-09"):
        lakehouse.ready(STOCK).commit(metadata={RESTATED: [day]})
    snapshot = lakehouse.open(STOCK)
    lakehouse.open(STOCK).commit(metadata={RESTATED: ["2025-03-10"]})
    assert restated_since(snapshot, 0) == {DAY, NEXT_DAY}
    assert restated_since(snapshot, 1) == {NEXT_DAY}
    assert restated_since(snapshot, 2) == set()


@pytest.mark.parametrize("commits", first_quick(3, 103))
def test_a_log_of_many_commits_and_checkpoints_reads_the_same(lakehouse: Lakehouse, commits: int) -> None:
    """A checkpoint comes after 100 commits, or is asked for: transactions, bounds and files live on in it."""
    for number in range(commits):
        put(lakehouse, (f"{number:03d}", DAY, number), transactions={f"e{number}": 1})
        if (commits, number) == (3, 1):
            lakehouse.open(STOCK).delta.create_checkpoint()
    assert list((Path(lakehouse.uri(STOCK)) / "_delta_log").glob("*.checkpoint*.parquet"))
    snapshot = lakehouse.open(STOCK)
    assert (snapshot.version, snapshot.row_count, snapshot.files.height) == (commits, commits, commits)
    assert snapshot.transaction("e0") == snapshot.transaction(f"e{commits - 1}") == 1
    assert snapshot.scan().select(pl.col("pieces").sum()).collect().item() == sum(range(commits))


def test_a_lost_answer_needs_a_log_to_look_into(lakehouse: Lakehouse) -> None:
    """When the log cannot be read either, the commit may be in: a repeated run will see."""

    def is_lost_with_the_log(call: Call) -> None:
        call()
        place = Path(lakehouse.uri(STOCK))
        place.rename(place.with_name("out of reach"))
        raise OSError("no route")

    snapshot = Disturbance(0, is_lost_with_the_log, COMMITS).of(lakehouse).ready(STOCK)
    with pytest.raises(TransientError, match="the log cannot be read"):
        snapshot.commit()


@pytest.mark.parametrize("folder", ["a b", "env=prod/region=eu", "ünï", "a[b]*"])
def test_folders_may_have_any_name(tmp_path: Path, folder: str) -> None:
    """A folder that looks like a partition is none."""
    lakehouse = lake(tmp_path / folder)
    put(lakehouse, ("a", DAY, 1), ("b", None, 2))
    assert rows(lakehouse) == [("a", DAY, 1), ("b", None, 2)]
    assert len(commits_since(lakehouse.open(STOCK), 0)) == 1


@pytest.mark.parametrize("url", ["/lake#1", "/100%/lake", "s3://bucket/a?b"])
def test_places_whose_history_delta_rs_does_not_find_are_refused(url: str) -> None:
    with pytest.raises(PermanentError, match=r"without #, \? and %"):
        Lakehouse(url=url)
