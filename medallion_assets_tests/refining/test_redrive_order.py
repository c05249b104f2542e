"""Redrive (rules C6, K1, K2, K4): a row comes in at its own place in the order, whatever has come in since."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.delta.notes.commit_notes import RESTATED, commit_note
from medallion_assets.delta.notes.source_versions import taken_version
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.redrive import REDRIVEN_NOTE, redrive
from medallion_assets_tests.oracle.lines import delete_line, item_line, transaction, upsert_line
from medallion_assets_tests.oracle.model import ExportInput, micros
from medallion_assets_tests.oracle.strategies import arrivals, histories
from medallion_assets_tests.pipeline import lakehouse_at, rows
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.changed_contracts import AT, DAY, FIRST, LATER, SECOND, THIRD, never_fails, run
from medallion_assets_tests.refining.redrives import (
    PRESENT,
    PRESENT_CUSTOMERS,
    STRICT,
    STRICT_CUSTOMERS,
    WITH_EURO,
    a_full,
    a_window,
    from_the_start,
    in_euro,
    silver,
)

pytestmark = pytest.mark.flow


def test_a_row_comes_in_with_its_own_sequence_and_export(tmp_path: Path) -> None:
    """C6: after the contract learns EUR, Silver is what it would have been; the mark and Silver's notes say so."""
    lakehouse = lakehouse_at(tmp_path)
    exports = [a_full(FIRST, item_line(transaction("t1")), item_line(in_euro("t2")), item_line(in_euro("t3")))]
    run(lakehouse, PRESENT, exports)
    checkpoint = taken_version(lakehouse.open(PRESENT), lakehouse.open(bronze_table(PRESENT.short_name)))
    done = redrive(lakehouse, never_fails(WITH_EURO), now=LATER, why="we sell in Europe")
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, exports)
    assert (done.looked_at, done.redriven, done.rows_changed, done.restated) == (2, 2, 2, {date(2025, 3, 7)})
    commit = lakehouse.open(PRESENT).delta.history(1)[0]
    assert commit_note(commit, RESTATED) == ["2025-03-07"]
    assert commit_note(commit, REDRIVEN_NOTE) == {"rows": 2, "exports": [FIRST], "why": "we sell in Europe"}
    assert taken_version(lakehouse.open(PRESENT), lakehouse.open(bronze_table(PRESENT.short_name))) == checkpoint
    assert {row["redriven_at"] for row in rows(lakehouse, quarantine_table(PRESENT), "_line_number")} == {LATER}


def test_a_row_that_a_full_export_overruled_comes_in_deleted(tmp_path: Path) -> None:
    """K1, K2: the key is absent from a full export after it, so it becomes that export's tombstone."""
    lakehouse = lakehouse_at(tmp_path)
    exports = [
        a_full(FIRST, item_line(transaction("t1"))),
        a_window(SECOND, upsert_line(micros(AT) + 5, in_euro("t2"))),
        a_full(THIRD, item_line(transaction("t1")), days=2),
    ]
    run(lakehouse, PRESENT, exports)
    redrive(lakehouse, never_fails(WITH_EURO), now=LATER)
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
    redrive(lakehouse, never_fails(WITH_EURO), now=LATER)
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
    redrive(lakehouse, never_fails(WITH_EURO), now=LATER)
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, exports)
    assert [row["_export_id"] for row in silver(lakehouse, PRESENT)] == [SECOND, THIRD]


def test_a_redriven_row_is_not_absent_from_its_full_export(tmp_path: Path) -> None:
    """K1: after the redrive, a late older record of the key is neither deleted by that export nor newer than it."""
    lakehouse = lakehouse_at(tmp_path)
    late = a_window(FIRST, upsert_line(micros(AT) + 5, transaction("t1")))
    exports = [a_full(SECOND, item_line(in_euro("t1")), days=1)]
    run(lakehouse, PRESENT, exports)
    redrive(lakehouse, never_fails(WITH_EURO), now=LATER)
    run(lakehouse, WITH_EURO, [late])
    assert silver(lakehouse, PRESENT) == from_the_start(tmp_path, WITH_EURO, [*exports, late])


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
                redrive(late, never_fails(PRESENT), now=LATER)
                redrive(late, never_fails(PRESENT_CUSTOMERS), now=LATER)
        for _, present in contracts:
            redrive(late, never_fails(present), now=LATER)
            run(early, present, [export for export in exports if export.table == present.short_name], accepts=True)
            assert silver(late, present) == silver(early, present)
