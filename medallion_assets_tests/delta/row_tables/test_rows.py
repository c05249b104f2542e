"""A row type is a contract, a writer and a reader; of many small writers none is lost, and files do not pile up."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import pytest

from medallion_assets.contracts.table import Column, Date, Integer, Table, Text, TimestampUtc
from medallion_assets.delta.row_tables.rows import (
    FILES_A_DAY,
    append_rows,
    commit_rows,
    frame_of,
    read_rows,
    row_table,
    rows_of,
)
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import CommitConflictError
from medallion_assets_tests.faults.injection import COMMITS, Call, Disturbance
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.services.processes import REPOSITORY

DAY = date(2025, 5, 1)
WRITERS, EACH = 4, 15


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    note_id: Annotated[str, "writer/number"] = field(init=False)
    writer: Annotated[str, "who"]
    number: Annotated[int, "which"]
    mood: Annotated[Mood, "in which mood"] = Mood.GOOD
    text: Annotated[str | None, Text(trim=False), "what"] = None
    at: Annotated[datetime, "when"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "note_id", f"{self.writer}/{self.number}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    number: Annotated[int, "which"]


NOTES = row_table(
    Note,
    name="operations.notes",
    description="Notes.",
    key=("writer", "number"),
    partition_by="day",
    day_of="at",
)


def note(writer: str, number: int, day: date = DAY) -> Note:
    return Note(writer=writer, number=number, at=datetime.combine(day, time(23), UTC))


def test_the_contract_follows_from_the_row_type() -> None:
    assert NOTES.columns == (
        Column("note_id", Text(), "writer/number"),
        Column("writer", Text(), "who"),
        Column("number", Integer(), "which"),
        Column("mood", Text(), "in which mood"),
        Column("text", Text(trim=False), "what", nullable=True),
        Column("at", TimestampUtc(), "when"),
        Column("day", Date(), "UTC day of at"),
    )


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    lakehouse, next_day = lakehouse_at(tmp_path), DAY + timedelta(days=1)
    rows = [note("a", 1), replace(note("b", 2, next_day), mood=Mood.BAD, text=" x ")]
    assert append_rows(lakehouse, NOTES, rows) == rows
    assert sorted(read_rows(lakehouse, NOTES), key=attrgetter("number")) == rows
    assert read_rows(lakehouse, NOTES, pl.col("writer") == "a", since=DAY) == rows[:1]
    assert read_rows(lakehouse, NOTES, since=next_day) == rows[1:]
    assert lakehouse.open(NOTES).version == 2, "a commit for each day"


def test_a_table_of_the_previous_release_is_read_on_and_gains_its_columns(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    before = Table(
        name=NOTES.name,
        description="Notes.",
        key=NOTES.key,
        partition_by="day",
        columns=tuple(column for column in NOTES.columns if column.name != "text"),
    )
    snapshot = lakehouse.ready(before)
    old = frame_of(NOTES, [note("a", 1)]).drop("text")
    snapshot.commit([snapshot.folder.write(old.lazy(), partition=DAY)])
    assert read_rows(lakehouse, NOTES) == [note("a", 1)]
    append_rows(lakehouse, NOTES, [replace(note("a", 2), text="new")])
    assert {row.number: row.text for row in read_rows(lakehouse, NOTES)} == {1: None, 2: "new"}


def test_a_word_of_a_later_release_leaves_its_row_out() -> None:
    frame = frame_of(NOTES, [note("a", 1), note("a", 2)])
    later = frame.with_columns(mood=pl.when(pl.col("number") == 1).then(pl.lit("elated")).otherwise("mood"))
    assert rows_of(NOTES, later) == [note("a", 2)]


def test_a_row_type_without_words_is_read(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    plain = row_table(Plain, name="operations.plain", description="Plain.")
    for number in range(2):
        append_rows(lakehouse, plain, [Plain(number=number)])
    assert sorted(row.number for row in read_rows(lakehouse, plain)) == [0, 1]


def test_rows_may_take_the_place_of_all_others(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    append_rows(lakehouse, NOTES, [note("a", 1), note("a", 2, DAY + timedelta(days=1))])
    commit_rows(lakehouse.open(NOTES), NOTES, [note("a", 3)], instead=True)
    assert read_rows(lakehouse, NOTES) == [note("a", 3)]


def held(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    return (
        lakehouse.open(NOTES).scan().select("writer", "number", "day").collect().sort("day", "writer", "number").rows()
    )


@pytest.mark.slow
def test_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    """Beginning with the making of the table, and across the folding of its files."""
    command = [sys.executable, "-m", __name__, str(tmp_path)]
    writers = [subprocess.Popen([*command, f"w{number}"], cwd=REPOSITORY) for number in range(WRITERS)]
    try:
        assert [writer.wait(timeout=600) for writer in writers] == [0] * WRITERS
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    assert held(lakehouse_at(tmp_path)) == [(f"w{w}", number, DAY) for w in range(WRITERS) for number in range(EACH)]
    assert lakehouse_at(tmp_path).open(NOTES).version == WRITERS * EACH, "one commit an append"
    assert lakehouse_at(tmp_path).open(NOTES).files.height < FILES_A_DAY, "they were folded"


def test_a_day_folds_its_own_files_alone(tmp_path: Path) -> None:
    lakehouse, other = lakehouse_at(tmp_path), DAY + timedelta(days=1)
    append_rows(lakehouse, NOTES, [note("b", 0, other)])
    rows = [note("a", number) for number in range(FILES_A_DAY + 1)]
    notes = lakehouse.open(NOTES)
    notes.commit([notes.folder.write(frame_of(NOTES, [row]).lazy(), partition=DAY) for row in rows[:-2]])
    counts = []
    for row in rows[-2:]:
        append_rows(lakehouse, NOTES, [row])
        counts.append(lakehouse.open(NOTES).files.height)
    assert counts == [FILES_A_DAY + 1, 2]
    assert held(lakehouse) == [*(("a", row.number, DAY) for row in rows), ("b", 0, other)]


def test_a_known_row_is_not_appended_again(tmp_path: Path) -> None:
    """Two who find out the same thing at midnight date it to different days."""
    lakehouse = lakehouse_at(tmp_path)
    append_rows(lakehouse, NOTES, [note("a", 1)])
    for day in (DAY, DAY + timedelta(days=1), DAY - timedelta(days=1)):
        append_rows(lakehouse, NOTES, [note("a", 1, day)], if_unknown=True)
    assert lakehouse.open(NOTES).version == 1, "nothing was committed"
    append_rows(lakehouse, NOTES, [note("a", 1), note("a", 2)], if_unknown=True)
    assert held(lakehouse) == [("a", 1, DAY), ("a", 2, DAY)]


def test_no_rows_make_no_table(tmp_path: Path) -> None:
    append_rows(lakehouse_at(tmp_path), NOTES, [])
    assert not lakehouse_at(tmp_path).exists(NOTES)


def test_who_always_loses_is_told(tmp_path: Path) -> None:
    """Nobody tries for ever."""

    def loses(_: Call) -> None:
        raise CommitConflictError("operations.notes: another writer committed first")

    disturbance = Disturbance(None, loses, COMMITS)
    with pytest.raises(CommitConflictError):
        append_rows(disturbance.of(lakehouse_at(tmp_path)), NOTES, [note("a", 1)], attempts=3)
    assert disturbance.calls == 3


if __name__ == "__main__":
    for counter in range(EACH):
        append_rows(lakehouse_at(Path(sys.argv[1])), NOTES, [note(sys.argv[2], counter)])
