"""Redrive (rule C6): which quarantined rows are judged again, once each, whatever crashes or commits meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from medallion_assets.contracts.expectations import expect_or_fail
from medallion_assets.contracts.table import Table
from medallion_assets.engines.engine import Bounds
from medallion_assets.errors import PermanentError
from medallion_assets.errors.reasons import REASON
from medallion_assets.refining import redrive as redriving
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.redrive import Redriven, redrive
from medallion_assets.refining.refine import refine
from medallion_assets_tests.crossed import crossed
from medallion_assets_tests.oracle.lines import customer, full, item_line, transaction, upsert_line
from medallion_assets_tests.oracle.model import micros
from medallion_assets_tests.pipeline import NOW, default_engine, lakehouse_at, land, rows
from medallion_assets_tests.refining.changed_contracts import AT, DAY, FIRST, LATER, SECOND, never_fails, run
from medallion_assets_tests.refining.redrives import (
    PRESENT,
    PRESENT_CUSTOMERS,
    STRICT_CUSTOMERS,
    WITH_EURO,
    a_full,
    a_window,
    from_the_start,
    in_euro,
    silver,
)

pytestmark = pytest.mark.flow


def test_twice_changes_nothing(tmp_path: Path) -> None:
    """C6: the second redrive finds nothing to do and commits nothing."""
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, PRESENT, [a_full(FIRST, item_line(in_euro("t1")))])
    redrive(lakehouse, never_fails(WITH_EURO), now=LATER)
    versions = [lakehouse.open(table).version for table in (PRESENT, quarantine_table(PRESENT))]
    assert redrive(lakehouse, never_fails(WITH_EURO), now=LATER + DAY) == Redriven()
    assert [lakehouse.open(table).version for table in (PRESENT, quarantine_table(PRESENT))] == versions


def test_what_stands_for_a_reason_in_a_command_to_copy_is_none(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, PRESENT, [a_full(FIRST, item_line(in_euro("t1")))])
    for nothing in (" ", REASON):
        with pytest.raises(PermanentError, match="the redrive has no reason"):
            redrive(lakehouse, never_fails(WITH_EURO), now=LATER, why=nothing)
    assert redrive(lakehouse, never_fails(WITH_EURO), now=LATER, why="Europe").redriven == 1


def test_what_is_still_bad_stays(tmp_path: Path) -> None:
    """R4: the current contract finds another reason; the row stays as it is, and an expect_or_fail keeps it as well."""
    lakehouse = lakehouse_at(tmp_path)
    lines = [item_line(in_euro("t1", amount={"N": "0"})), item_line(in_euro("t2", quantity={"N": "7"}))]
    run(lakehouse, PRESENT, [a_full(FIRST, *lines)])
    seven = replace(WITH_EURO, expectations=(*WITH_EURO.expectations, expect_or_fail("seven", nw.col("quantity") != 7)))
    done = redrive(lakehouse, never_fails(seven), now=LATER)
    assert (done.looked_at, done.redriven, dict(done.still_bad)) == (2, 0, {"amount_out_of_range": 1, "seven": 1})
    assert silver(lakehouse, PRESENT) == []
    assert {row["redriven_at"] for row in rows(lakehouse, quarantine_table(PRESENT), "_line_number")} == {None}


def test_rows_of_another_key_are_not_driven_into_a_table(tmp_path: Path) -> None:
    """The rebuild comes first: a row of another key would hide that the key has changed."""
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, PRESENT, [a_full(FIRST, item_line(in_euro("t1")))])
    other = replace(WITH_EURO, key=("transaction_id", "customer_id"))
    run(lakehouse, PRESENT, [a_window(SECOND, upsert_line(micros(AT) + 5, transaction("t2")))])
    with pytest.raises(PermanentError, match=r"have another key .*medallion rebuild silver\.customer_transactions"):
        redrive(lakehouse, never_fails(other), now=LATER)


def test_conflicting_duplicates_stay(tmp_path: Path) -> None:
    """R3: two differing records of one key in one export conflict under any contract."""
    lakehouse = lakehouse_at(tmp_path)
    lines = [item_line(in_euro("t1")), item_line(in_euro("t1", amount={"N": "11"}))]
    run(lakehouse, PRESENT, [a_full(FIRST, *lines)])
    done = redrive(lakehouse, never_fails(WITH_EURO), now=LATER)
    assert (done.conflicting, done.looked_at, done.redriven) == (2, 0, 0)
    assert silver(lakehouse, PRESENT) == []


def test_exports_and_reasons_choose_rows(tmp_path: Path) -> None:
    """C6: only the rows that were asked for are judged again."""
    lakehouse = lakehouse_at(tmp_path)
    exports = [
        a_full(FIRST, item_line(in_euro("t1")), item_line(in_euro("t2", amount={"N": "0"}))),
        a_window(SECOND, upsert_line(micros(AT) + 5, in_euro("t3"))),
    ]
    run(lakehouse, PRESENT, exports)
    assert redrive(lakehouse, never_fails(WITH_EURO), now=LATER, reasons=["amount_out_of_range"]).looked_at == 1
    assert redrive(lakehouse, never_fails(WITH_EURO), now=LATER, reasons=["missing"]).looked_at == 0
    assert redrive(lakehouse, never_fails(WITH_EURO), now=LATER, batches=[SECOND]).redriven == 1
    assert [row["transaction_id"] for row in silver(lakehouse, PRESENT)] == ["t3"]


def test_rows_of_an_export_that_is_not_settled_wait(tmp_path: Path) -> None:
    """C6: quarantine is written before Silver; after a crash between them its rows belong to no settled export."""
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, PRESENT, [a_full(FIRST, item_line(transaction("t1")))])
    land(lakehouse, a_window(SECOND, upsert_line(micros(AT) + 5, in_euro("t2"))))
    with pytest.MonkeyPatch.context() as crash:
        crash.setattr("medallion_assets.refining.refine.commit_change", _crash)
        with pytest.raises(RuntimeError):
            refine(lakehouse, never_fails(PRESENT), now=NOW)
    done = redrive(lakehouse, never_fails(WITH_EURO), now=LATER)
    assert (done.not_settled, done.looked_at) == (1, 0)
    assert [row["transaction_id"] for row in silver(lakehouse, PRESENT)] == ["t1"]


@pytest.mark.parametrize(("table", "step"), crossed([WITH_EURO, PRESENT_CUSTOMERS], ["commit_change", "_set_redriven"]))
def test_a_crash_at_either_commit_is_harmless(tmp_path: Path, table: Table, step: str) -> None:
    """C6: Silver first, the mark second; whichever is lost, doing it again gives the same tables."""
    lakehouse = lakehouse_at(tmp_path)
    strict = PRESENT if table is WITH_EURO else STRICT_CUSTOMERS
    item = in_euro("t1") if table is WITH_EURO else customer("c1")
    exports = [full(table.short_name, FIRST, AT, [item_line(item)])]
    run(lakehouse, strict, exports)
    with pytest.MonkeyPatch.context() as crash:
        crash.setattr(redriving, step, _crash)
        with pytest.raises(RuntimeError):
            redrive(lakehouse, never_fails(table), now=LATER)
    assert redrive(lakehouse, never_fails(table), now=LATER).redriven == 1
    assert silver(lakehouse, table) == from_the_start(tmp_path, table, exports)
    assert redrive(lakehouse, never_fails(table), now=LATER) == Redriven()


def test_a_commit_that_lost_a_race_is_decided_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C6: another writer commits between reading and committing; the redrive reads again."""
    lakehouse = lakehouse_at(tmp_path)
    exports = [a_full(FIRST, item_line(in_euro("t1"))), a_window(SECOND, upsert_line(micros(AT) + 5, in_euro("t2")))]
    run(lakehouse, PRESENT, exports)
    judge_again = redriving._judge_again
    racers = [exports[1]]

    def while_another_commits(*arguments: Any) -> Any:
        judged = judge_again(*arguments)
        if racers:
            racers.pop()
            snapshot = lakehouse.open(PRESENT)
            snapshot.commit(transactions={"another": 1})
        return judged

    monkeypatch.setattr(redriving, "_judge_again", while_another_commits)
    assert redrive(lakehouse, never_fails(WITH_EURO), now=LATER).redriven == 2
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, exports)


@pytest.mark.slow
@pytest.mark.parametrize(
    "bounds",
    [
        pytest.param(Bounds(block_rows=1, group_rows=2), id="rows"),
        pytest.param(Bounds(block_bytes=1, group_bytes=2 * len(item_line(in_euro("t1")))), id="bytes"),
    ],
)
def test_many_rows_go_in_parts(tmp_path: Path, bounds: Bounds) -> None:
    """Memory is bounded, however long rows are: they are judged a group at a time, and every one once."""
    lakehouse = lakehouse_at(tmp_path, default_engine(bounds))
    exports = [a_full(FIRST, *(item_line(in_euro(f"t{number}")) for number in range(5)))]
    run(lakehouse, PRESENT, exports)
    told: list[tuple[int, int]] = []
    assert (
        redrive(lakehouse, never_fails(WITH_EURO), now=LATER, progress=lambda *figures: told.append(figures)).redriven
        == 5
    )
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, exports)


def test_keys_that_could_not_be_read_are_looked_up_in_their_whole_export(tmp_path: Path) -> None:
    """R3: nobody looked for duplicates of such rows. Identical ones count once, and differing ones still conflict."""
    lakehouse = lakehouse_at(tmp_path)
    key = replace(PRESENT.column("transaction_id"), source="id")
    old = replace(PRESENT, columns=tuple(key if column.name == key.name else column for column in PRESENT.columns))
    differing = [transaction("t1"), transaction("t1", amount={"N": "11"})]
    read = transaction("t4", id={"S": "t4"})  # one key that can be read, or the export would be held (C8)
    items = [*differing, transaction("t2"), transaction("t3"), transaction("t3"), read]
    exports = [a_full(FIRST, *map(item_line, items))]
    run(lakehouse, old, exports)
    done = redrive(lakehouse, never_fails(PRESENT), now=LATER)
    assert (done.looked_at, done.redriven, dict(done.still_bad)) == (5, 3, {"conflicting_duplicate": 2})
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, PRESENT, exports)


def _crash(*_: object) -> None:
    raise RuntimeError("the process was killed")
