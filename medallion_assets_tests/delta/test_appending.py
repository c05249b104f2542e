"""Small appends of many writers: none is lost, none is doubled, and files do not pile up."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets.delta import appending
from medallion_assets.delta.appending import FILES_A_DAY, append_rows
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import CommitConflictError
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.services.processes import REPOSITORY

DAY = date(2025, 5, 1)
NOTES = Table(
    name="operations.notes",
    description="Notes.",
    key=("writer", "number"),
    partition_by="day",
    columns=(
        Column("writer", Text(), "who"),
        Column("number", Integer(), "which"),
        Column("day", Date(), "when"),
    ),
)
WRITERS, EACH = 4, 15


def note(writer: str, number: int, day: date = DAY) -> dict[str, Any]:
    return {"writer": writer, "number": number, "day": day}


def held(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    return lakehouse.open(NOTES).scan().collect().sort("day", "writer", "number").rows()


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


def test_a_day_folds_its_own_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "FILES_A_DAY", 3)
    lakehouse, other = lakehouse_at(tmp_path), DAY + timedelta(days=1)
    append_rows(lakehouse, NOTES, [note("b", 0, other)], day=other)
    counts = []
    for number in range(4):
        append_rows(lakehouse, NOTES, [note("a", number)], day=DAY)
        counts.append(lakehouse.open(NOTES).files.height)
    assert counts == [2, 3, 4, 2]
    assert held(lakehouse) == [*(("a", number, DAY) for number in range(4)), ("b", 0, other)]


def test_a_known_row_is_not_appended_again(tmp_path: Path) -> None:
    """Two who find out the same thing at midnight date it to different days."""
    lakehouse = lakehouse_at(tmp_path)
    append_rows(lakehouse, NOTES, [note("a", 1)], day=DAY)
    for day in (DAY, DAY + timedelta(days=1), DAY - timedelta(days=1)):
        append_rows(lakehouse, NOTES, [note("a", 1, day)], day=day, if_unknown=True)
    assert lakehouse.open(NOTES).version == 1, "nothing was committed"
    append_rows(lakehouse, NOTES, [note("a", 1), note("a", 2)], day=DAY, if_unknown=True)
    assert held(lakehouse) == [("a", 1, DAY), ("a", 2, DAY)]


def test_no_rows_make_no_table(tmp_path: Path) -> None:
    append_rows(lakehouse_at(tmp_path), NOTES, [], day=DAY)
    assert not lakehouse_at(tmp_path).exists(NOTES)


def test_who_always_loses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody tries for ever."""
    lost = []

    def loses(_self: Snapshot, *_args: object, **_options: object) -> int:
        lost.append(datetime.now(UTC))
        raise CommitConflictError("operations.notes: another writer committed first")

    monkeypatch.setattr(Snapshot, "commit", loses)
    monkeypatch.setattr(appending, "ATTEMPTS", 3)
    with pytest.raises(CommitConflictError):
        append_rows(lakehouse_at(tmp_path), NOTES, [note("a", 1)], day=DAY)
    assert len(lost) == 3


if __name__ == "__main__":
    for counter in range(EACH):
        append_rows(lakehouse_at(Path(sys.argv[1])), NOTES, [note(sys.argv[2], counter)], day=DAY)
