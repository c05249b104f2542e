"""Redrive (rule C6): quarantined rows come in as if they had been good from the start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import narwhals as nw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.expectations import expect_or_drop, expect_or_fail
from medallion_assets.contracts.table import Table
from medallion_assets.delta.commit_notes import RESTATED, commit_note
from medallion_assets.delta.source_versions import taken_version
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.errors import PermanentError
from medallion_assets.refining import redrive as redriving
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.quarantine import quarantine_table
from medallion_assets.refining.redrive import REDRIVEN_NOTE, Redriven, redrive
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import customer, delete_line, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.oracle.strategies import arrivals, histories
from medallion_assets_tests.pipeline import NOW, lakehouse_at, land, refine_and_accept, rows
from medallion_assets_tests.properties.examples import examples

pytestmark = pytest.mark.flow

AT = datetime(2025, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, SECOND, THIRD = "01746057600000-0000000a", "01746144000000-0000000b", "01746230400000-0000000c"
EURO = {"S": "EUR"}
LATER = NOW + DAY


def never_fails(table: Table) -> Table:
    """The contract with a gate that everything passes: these tests are about rows, not exports."""
    return replace(table, quality_min_bad_records=10**9)


PRESENT = never_fails(pipeline.CUSTOMER_TRANSACTIONS)
WITH_EURO = replace(
    PRESENT,
    expectations=tuple(
        expect_or_drop(one.name, nw.col("currency").is_in(["USD", "EUR"]), "currency")
        if one.name == "currency_unsupported"
        else one
        for one in PRESENT.expectations
    ),
)
PRESENT_CUSTOMERS = never_fails(pipeline.CUSTOMERS)
STRICT_CUSTOMERS = replace(PRESENT_CUSTOMERS, expectations=(expect_or_drop("no_west", nw.col("region") != "west"),))
STRICT = replace(PRESENT, expectations=(*PRESENT.expectations, expect_or_drop("no_books", nw.col("amount") != 10)))


def run(lakehouse: Lakehouse, table: Table, exports: Iterable[ExportInput], *, accepts: bool = False) -> None:
    for export in exports:
        land(lakehouse, export)
    if accepts:
        refine_and_accept(lakehouse, table)
    assert refine(lakehouse, table, now=NOW).failing is None


def silver(lakehouse: Lakehouse, table: Table) -> list[dict[str, Any]]:
    return rows(lakehouse, table, *table.key, *(["valid_from"] if table.history else []))


def from_the_start(folder: Path, table: Table, exports: Iterable[ExportInput]) -> list[dict[str, Any]]:
    lakehouse = lakehouse_at(folder / "from-the-start")
    run(lakehouse, table, exports)
    return silver(lakehouse, table)


def in_euro(key: str, **attributes: Any) -> dict[str, Any]:
    return transaction(key, currency=EURO, **attributes)


def a_window(export_id: str, *lines: str, days: int = 0) -> ExportInput:
    return window(TRANSACTIONS, export_id, AT + days * DAY, AT + (days + 1) * DAY, lines)


def a_full(export_id: str, *lines: str, days: int = 0) -> ExportInput:
    return full(TRANSACTIONS, export_id, AT + days * DAY, lines)


def test_a_row_comes_in_with_its_own_sequence_and_export(tmp_path: Path) -> None:
    """C6: after the contract learns EUR, Silver is what it would have been; the mark and Silver's notes say so."""
    lakehouse = lakehouse_at(tmp_path)
    exports = [a_full(FIRST, item_line(transaction("t1")), item_line(in_euro("t2")), item_line(in_euro("t3")))]
    run(lakehouse, PRESENT, exports)
    checkpoint = taken_version(lakehouse.open(PRESENT), lakehouse.open(bronze_table(PRESENT.short_name)))
    done = redrive(lakehouse, WITH_EURO, now=LATER, why="we sell in Europe")
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, exports)
    assert (done.looked_at, done.redriven, done.rows_changed, done.restated) == (2, 2, 2, {date(2025, 3, 7)})
    commit = lakehouse.open(PRESENT).delta.history(1)[0]
    assert commit_note(commit, RESTATED) == ["2025-03-07"]
    assert commit_note(commit, REDRIVEN_NOTE) == {"rows": 2, "exports": [FIRST], "why": "we sell in Europe"}
    assert taken_version(lakehouse.open(PRESENT), lakehouse.open(bronze_table(PRESENT.short_name))) == checkpoint
    assert {row["redriven_at"] for row in rows(lakehouse, quarantine_table(PRESENT), "_line_number")} == {LATER}


def test_twice_changes_nothing(tmp_path: Path) -> None:
    """C6: the second redrive finds nothing to do and commits nothing."""
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, PRESENT, [a_full(FIRST, item_line(in_euro("t1")))])
    redrive(lakehouse, WITH_EURO, now=LATER)
    versions = [lakehouse.open(table).version for table in (PRESENT, quarantine_table(PRESENT))]
    assert redrive(lakehouse, WITH_EURO, now=LATER + DAY) == Redriven()
    assert [lakehouse.open(table).version for table in (PRESENT, quarantine_table(PRESENT))] == versions


def test_what_is_still_bad_stays(tmp_path: Path) -> None:
    """R4: the present contract finds another reason; the row stays as it is, and an expect_or_fail keeps it as well."""
    lakehouse = lakehouse_at(tmp_path)
    lines = [item_line(in_euro("t1", amount={"N": "0"})), item_line(in_euro("t2", quantity={"N": "7"}))]
    run(lakehouse, PRESENT, [a_full(FIRST, *lines)])
    seven = replace(WITH_EURO, expectations=(*WITH_EURO.expectations, expect_or_fail("seven", nw.col("quantity") != 7)))
    done = redrive(lakehouse, seven, now=LATER)
    assert (done.looked_at, done.redriven, dict(done.still_bad)) == (2, 0, {"amount_out_of_range": 1, "seven": 1})
    assert silver(lakehouse, PRESENT) == []
    assert {row["redriven_at"] for row in rows(lakehouse, quarantine_table(PRESENT), "_line_number")} == {None}


def test_a_row_that_a_full_export_overruled_comes_in_deleted(tmp_path: Path) -> None:
    """K1, K2: the key is absent from a full export after it, so it becomes that export's tombstone."""
    lakehouse = lakehouse_at(tmp_path)
    exports = [
        a_full(FIRST, item_line(transaction("t1"))),
        a_window(SECOND, upsert_line(micros(AT) + 5, in_euro("t2"))),
        a_full(THIRD, item_line(transaction("t1")), days=2),
    ]
    run(lakehouse, PRESENT, exports)
    redrive(lakehouse, WITH_EURO, now=LATER)
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, exports)
    assert [(row["is_deleted"], row["_export_id"]) for row in silver(lakehouse, PRESENT)][1] == (True, THIRD)


def test_a_row_stands_where_a_later_full_export_holds_its_key_badly(tmp_path: Path) -> None:
    """K1: a key that is bad in a full export is untouched by it, redriven or not."""
    lakehouse = lakehouse_at(tmp_path)
    exports = [
        a_full(FIRST, item_line(transaction("t1"))),
        a_window(SECOND, upsert_line(micros(AT) + 5, in_euro("t2"))),
        a_full(THIRD, item_line(transaction("t1")), item_line(transaction("t2", amount={"N": "0"})), days=2),
    ]
    run(lakehouse, PRESENT, exports)
    redrive(lakehouse, WITH_EURO, now=LATER)
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, exports)
    assert [row["_export_id"] for row in silver(lakehouse, PRESENT)] == [THIRD, SECOND]


def test_a_row_of_a_full_export_counts_as_present_in_it(tmp_path: Path) -> None:
    """K1: bad in the full export left the older row untouched; good in it, it replaces that row at that moment."""
    lakehouse = lakehouse_at(tmp_path)
    exports = [
        a_full(FIRST, item_line(transaction("t1")), item_line(transaction("t2"))),
        a_full(SECOND, item_line(in_euro("t1")), item_line(in_euro("t2")), days=1),
        a_window(THIRD, delete_line(micros(AT + DAY) + 9, {"transaction_id": {"S": "t2"}}), days=1),
    ]
    run(lakehouse, PRESENT, exports)
    assert [row["_export_id"] for row in silver(lakehouse, PRESENT)] == [FIRST, THIRD]
    redrive(lakehouse, WITH_EURO, now=LATER)
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, exports)
    assert [row["_export_id"] for row in silver(lakehouse, PRESENT)] == [SECOND, THIRD]


def test_a_redriven_row_is_not_absent_from_its_full_export(tmp_path: Path) -> None:
    """K1: after the redrive, a late older record of the key is neither deleted by that export nor newer than it."""
    lakehouse = lakehouse_at(tmp_path)
    late = a_window(FIRST, upsert_line(micros(AT) + 5, transaction("t1")))
    exports = [a_full(SECOND, item_line(in_euro("t1")), days=1)]
    run(lakehouse, PRESENT, exports)
    redrive(lakehouse, WITH_EURO, now=LATER)
    run(lakehouse, WITH_EURO, [late])
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, [*exports, late])


def test_rows_of_another_key_are_not_driven_into_a_table(tmp_path: Path) -> None:
    """The rebuild comes first: a row of another key would hide that the key has changed."""
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, PRESENT, [a_full(FIRST, item_line(in_euro("t1")))])
    other = replace(WITH_EURO, key=("transaction_id", "customer_id"))
    run(lakehouse, PRESENT, [a_window(SECOND, upsert_line(micros(AT) + 5, transaction("t2")))])
    with pytest.raises(PermanentError, match=r"have another key .*medallion rebuild silver\.customer_transactions"):
        redrive(lakehouse, other, now=LATER)


def test_conflicting_duplicates_stay(tmp_path: Path) -> None:
    """R3: two differing records of one key in one export conflict under any contract."""
    lakehouse = lakehouse_at(tmp_path)
    lines = [item_line(in_euro("t1")), item_line(in_euro("t1", amount={"N": "11"}))]
    run(lakehouse, PRESENT, [a_full(FIRST, *lines)])
    done = redrive(lakehouse, WITH_EURO, now=LATER)
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
    assert redrive(lakehouse, WITH_EURO, now=LATER, reasons=["amount_out_of_range"]).looked_at == 1
    assert redrive(lakehouse, WITH_EURO, now=LATER, reasons=["no_such_reason"]).looked_at == 0
    assert redrive(lakehouse, WITH_EURO, now=LATER, exports=[SECOND]).redriven == 1
    assert [row["transaction_id"] for row in silver(lakehouse, PRESENT)] == ["t3"]


def test_rows_of_an_export_that_is_not_settled_wait(tmp_path: Path) -> None:
    """C6: quarantine is written before Silver; after a crash between them its rows belong to no settled export."""
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, PRESENT, [a_full(FIRST, item_line(transaction("t1")))])
    land(lakehouse, a_window(SECOND, upsert_line(micros(AT) + 5, in_euro("t2"))))
    with pytest.MonkeyPatch.context() as crash:
        crash.setattr("medallion_assets.refining.refine.commit_change", _crash)
        with pytest.raises(RuntimeError):
            refine(lakehouse, PRESENT, now=NOW)
    done = redrive(lakehouse, WITH_EURO, now=LATER)
    assert (done.not_settled, done.looked_at) == (1, 0)
    assert [row["transaction_id"] for row in silver(lakehouse, PRESENT)] == ["t1"]


@pytest.mark.parametrize("table", [WITH_EURO, PRESENT_CUSTOMERS], ids=lambda table: table.short_name)
@pytest.mark.parametrize("step", ["commit_change", "_mark"])
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
            redrive(lakehouse, table, now=LATER)
    assert redrive(lakehouse, table, now=LATER).redriven == 1
    assert silver(lakehouse, table) == from_the_start(tmp_path, table, exports)
    assert redrive(lakehouse, table, now=LATER) == Redriven()


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
    assert redrive(lakehouse, WITH_EURO, now=LATER).redriven == 2
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, exports)


@pytest.mark.parametrize(
    "bounds",
    [Bounds(block_rows=2), Bounds(block_bytes=2 * len(item_line(in_euro("t1"))))],
    ids=["rows", "bytes"],
)
def test_many_rows_go_in_parts(tmp_path: Path, bounds: Bounds) -> None:
    """Memory is bounded, however long rows are: they are judged some at a time, and every one once."""
    lakehouse = lakehouse_at(tmp_path, PolarsEngine(bounds))
    exports = [a_full(FIRST, *(item_line(in_euro(f"t{number}")) for number in range(5)))]
    run(lakehouse, PRESENT, exports)
    told: list[tuple[int, int]] = []
    assert redrive(lakehouse, WITH_EURO, now=LATER, progress=lambda *figures: told.append(figures)).redriven == 5
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, exports)


def test_keys_that_could_not_be_read_are_looked_up_in_their_whole_export(tmp_path: Path) -> None:
    """R3: nobody looked for duplicates of such rows. Identical ones count once, and differing ones still conflict."""
    lakehouse = lakehouse_at(tmp_path)
    key = replace(PRESENT.column("transaction_id"), source="id")
    old = replace(PRESENT, columns=tuple(key if column.name == key.name else column for column in PRESENT.columns))
    differing = [transaction("t1"), transaction("t1", amount={"N": "11"})]
    items = [*differing, transaction("t2"), transaction("t3"), transaction("t3")]
    exports = [a_full(FIRST, *map(item_line, items))]
    run(lakehouse, old, exports)
    done = redrive(lakehouse, PRESENT, now=LATER)
    assert (done.looked_at, done.redriven, dict(done.still_bad)) == (5, 3, {"conflicting_duplicate": 2})
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, PRESENT, exports)


@examples(12)
@given(data=st.data(), exports=histories(allow_gaps=False))
def test_redrive_equals_a_new_contract_from_the_start(data: st.DataObject, exports: tuple[ExportInput, ...]) -> None:
    """C6, K4: whatever the history, its arrival, and how often rows were redriven between."""
    batches = data.draw(arrivals(exports))
    contracts = ((STRICT, PRESENT), (STRICT_CUSTOMERS, PRESENT_CUSTOMERS))
    with TemporaryDirectory() as folder:
        late, early = lakehouse_at(Path(folder) / "late"), lakehouse_at(Path(folder) / "early")
        for batch in batches:
            for strict, _ in contracts:
                run(late, strict, [export for export in batch if export.table == strict.short_name], accepts=True)
            if data.draw(st.booleans()):
                redrive(late, PRESENT, now=LATER)
                redrive(late, PRESENT_CUSTOMERS, now=LATER)
        for _, present in contracts:
            redrive(late, present, now=LATER)
            run(early, present, [export for export in exports if export.table == present.short_name], accepts=True)
            assert silver(late, present) == silver(early, present)


def _crash(*_: object) -> None:
    raise RuntimeError("the process was killed")
