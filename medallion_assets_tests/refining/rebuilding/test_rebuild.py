"""Rebuild (rule C6): the table, its events and its quarantine as if they had been made by the current contract."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.commit_notes import RESTATED, commit_note, last_commit
from medallion_assets.delta.notes.fingerprints import fingerprint, rules_of_rows
from medallion_assets.delta.replacing.replacement import REBUILT_NOTE
from medallion_assets.engines.aside import Place
from medallion_assets.errors import PermanentError, QualityGateError
from medallion_assets.errors.reasons import REASON
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.refining.judging.judging import judge_batches
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.ledger.decisions import DecisionAction, read_decisions
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.rebuilding.replay import JudgedCopy, batch_groups
from medallion_assets.refining.redrive import redrive
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import TRANSACTIONS, Decision, ExportInput, micros
from medallion_assets_tests.oracle.strategies import arrivals, histories
from medallion_assets_tests.pipeline import EXPORTS, NOW, lakehouse_at, land
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.changed_contracts import AT, DAY, EURO, FIRST, LATER, SECOND, never_fails
from medallion_assets_tests.refining.rebuilds import (
    LOOSE,
    LOOSE_CUSTOMERS,
    STRICT,
    STRICT_CUSTOMERS,
    customers,
    from_the_start,
    rebuilt,
    run,
    state,
    transactions,
)

pytestmark = pytest.mark.flow


CASES = [
    pytest.param(LOOSE, STRICT, transactions, id="stricter"),
    pytest.param(STRICT, LOOSE, transactions, id="looser", marks=pytest.mark.slow),
    pytest.param(LOOSE_CUSTOMERS, STRICT_CUSTOMERS, customers, id="stricter history", marks=pytest.mark.slow),
    pytest.param(STRICT_CUSTOMERS, LOOSE_CUSTOMERS, customers, id="looser history", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("before", "after", "exports"), CASES)
def test_it_equals_a_table_made_by_the_present_contract(
    tmp_path: Path, before: Table, after: Table, exports: Callable[[], list[ExportInput]]
) -> None:
    """C6: no record is lost: each is in the table or in quarantine, by one contract; one new version of the table."""
    lakehouse = lakehouse_at(tmp_path / "old")
    run(lakehouse, before, exports())
    version, table_id = lakehouse.open(before).version, lakehouse.open(before).table_id
    done = rebuilt(lakehouse, after)
    assert state(lakehouse, after) == from_the_start(tmp_path, after, exports())
    assert (done.version, lakehouse.open(after).version) == (version + 1, version + 1)
    assert lakehouse.open(after).table_id == table_id
    assert rules_of_rows(lakehouse.open(after)) == rules_of_rows(lakehouse.open(quarantine_table(after)))
    assert rules_of_rows(lakehouse.open(after)) == [fingerprint(never_fails(after))]
    assert (
        refine(lakehouse, never_fails(after), now=LATER).applied == []
    )  # every export is settled, and the checkpoint with it
    assert lakehouse.open(after).version == version + 1


def test_it_says_what_changed_and_restates_those_days(tmp_path: Path) -> None:
    """H3: t1 goes back to dollars on its day, t2 goes; the day of the deleted t3 alone would not be restated."""
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, LOOSE, transactions())
    done = rebuilt(lakehouse, STRICT)
    changes = done.changes
    assert (changes.added, changes.changed, changes.gone) == (0, 1, 1)
    assert changes.restated == {date(2025, 3, 7), date(2025, 3, 9)}
    assert (dict(changes.newly_bad), dict(changes.newly_good)) == ({"no_euro": 2}, {})
    assert [(example.change, example.key, example.before.get("currency")) for example in changes.examples] == [
        ("changed", {"transaction_id": "t1"}, "EUR"),
        ("gone", {"transaction_id": "t2"}, "EUR"),
    ]
    commit = last_commit(lakehouse.open(STRICT), REBUILT_NOTE)
    assert commit is not None
    assert commit_note(commit, RESTATED) == ["2025-03-07", "2025-03-09"]
    note = commit_note(commit, REBUILT_NOTE)
    assert (note["why"], note["accepted"], note["dropped"]) == ("a new contract", [], [])


def test_a_dry_run_says_the_same_and_changes_nothing(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, LOOSE, transactions())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    dry = rebuilt(lakehouse, STRICT, dry_run=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert dry.changes == rebuilt(lakehouse, STRICT).changes


@pytest.mark.slow
def test_twice_changes_no_row(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, LOOSE, transactions())
    rebuilt(lakehouse, STRICT)
    files = set(lakehouse.open(STRICT).files["path"])
    assert not rebuilt(lakehouse, STRICT).changes.any
    assert set(lakehouse.open(STRICT).files["path"]) == files


@pytest.mark.slow
def test_rows_follow_a_contract_that_was_there_before(tmp_path: Path) -> None:
    """C6: by one contract, rebuilt by another, and by the first again after Silver was moved away."""
    lakehouse = lakehouse_at(tmp_path / "old")
    run(lakehouse, STRICT, transactions())
    rebuilt(lakehouse, LOOSE)
    assert pipeline.quarantined(lakehouse, LOOSE) == set()
    shutil.rmtree(lakehouse.uri(STRICT))
    run(lakehouse, STRICT, [])
    assert state(lakehouse, STRICT) == from_the_start(tmp_path, STRICT, transactions())


def test_a_threshold_that_a_person_gave_holds(tmp_path: Path) -> None:
    """C4: an export that a run config let in by its own threshold is not stopped by a rebuild."""
    strict = pipeline.declared(STRICT)
    lakehouse = lakehouse_at(tmp_path)
    land(lakehouse, many_euros()[0])
    assert refine(lakehouse, strict, now=NOW, threshold=0.5).failing is None
    assert not rebuilt(lakehouse, strict).changes.any


def test_a_type_that_no_cast_leads_to_is_rebuilt(tmp_path: Path) -> None:
    """The old values count as null: nothing can be said of them."""
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, LOOSE, transactions())
    flag = replace(LOOSE.column("transaction_at"), name="quantity", nullable=True)
    columns = tuple(flag if column.name == "quantity" else column for column in LOOSE.columns)
    other = replace(LOOSE, columns=columns, expectations=())
    assert rebuilt(lakehouse, other).changes.changed == 2


def test_the_copy_stays_of_the_size_of_the_table(tmp_path: Path) -> None:
    """Each full export rewrites every day: what it replaced is removed, or disks would fill."""
    scratch, table = lakehouse_at(tmp_path / "scratch"), LOOSE
    lakehouse = lakehouse_at(tmp_path / "old")
    replay = JudgedCopy(loaded=never_fails(table), scratch=scratch, quarantined_in=scratch)
    run(lakehouse, table, [])
    for number in range(4):
        export_id = f"0{micros(AT + number * DAY) // 1000}-{number:08x}"
        land(lakehouse, full(TRANSACTIONS, export_id, AT + number * DAY, [item_line(transaction("t1"))]))
    bronze = lakehouse.open(bronze_table(TRANSACTIONS))
    for group in batch_groups(batches_in(bronze, EXPORTS), most=1):
        with TemporaryDirectory() as folder:
            replay.apply(group, judge_batches(bronze, never_fails(table), group, Place(folder)).good, Place(folder))
    assert len(list(Path(scratch.uri(table)).rglob("*.parquet"))) == scratch.open(table).files.height


def many_euros() -> list[ExportInput]:
    """An export of which a tenth and more than ten records are in euros."""
    items = [
        item_line(transaction(f"t{number}", **({"currency": EURO} if number < 12 else {}))) for number in range(99)
    ]
    return [full(TRANSACTIONS, FIRST, AT, items)]


def test_the_gate_holds_unless_a_person_accepts_all(tmp_path: Path) -> None:
    """C3, C4: what the current contract would stop is not published by a rebuild; the decision is recorded."""
    strict = pipeline.declared(STRICT)
    lakehouse = lakehouse_at(tmp_path / "old")
    run(lakehouse, LOOSE, many_euros())
    before = state(lakehouse, LOOSE)
    with pytest.raises(QualityGateError, match=rf"export {FIRST} .*12 bad of 99 .*--accept-all"):
        rebuilt(lakehouse, strict)
    assert state(lakehouse, LOOSE) == before
    assert rebuilt(lakehouse, strict, accept_all=True).accepted == [FIRST]
    assert read_decisions(lakehouse, TRANSACTIONS)[FIRST].action is DecisionAction.ACCEPT
    assert len(pipeline.rows(lakehouse, STRICT)) == 87
    assert rebuilt(lakehouse, strict).accepted == []  # the decision stays in force


def test_decisions_of_the_past_stay_in_force(tmp_path: Path) -> None:
    """C4: an export that was rejected stays out, although it passes now; its window stays covered."""
    strict = pipeline.declared(STRICT)
    lakehouse = lakehouse_at(tmp_path)
    first = full(TRANSACTIONS, FIRST, AT, [item_line(transaction("a"))])
    lines = [upsert_line(micros(AT) + n, transaction(f"t{n}", currency=EURO)) for n in range(12)]
    for export in (first, window(TRANSACTIONS, SECOND, AT, AT + DAY, lines)):
        land(lakehouse, export)
    pipeline.decide(lakehouse, [Decision(TRANSACTIONS, SECOND, "reject")])
    assert refine(lakehouse, strict, now=NOW).rejected == [SECOND]
    rebuilt(lakehouse, LOOSE)
    assert [row["transaction_id"] for row in pipeline.rows(lakehouse, LOOSE)] == ["a"]
    assert refine(lakehouse, never_fails(LOOSE), now=LATER).gaps == []


def test_it_needs_a_reason_and_a_table(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    for nothing in (" ", REASON):
        with pytest.raises(PermanentError, match="the rebuild has no reason"):
            rebuild_judged(lakehouse, never_fails(LOOSE), why=nothing, now=LATER)
    with pytest.raises(PermanentError, match="does not exist yet"):
        rebuilt(lakehouse, LOOSE)


@examples(8)
@given(data=st.data(), exports=histories(allow_gaps=False))
def test_whatever_the_history_it_equals_a_fresh_one(data: st.DataObject, exports: tuple[ExportInput, ...]) -> None:
    """C6, K4: any history and arrival, contracts that change between batches, rows that were driven again."""
    versions = ((LOOSE, STRICT), (LOOSE_CUSTOMERS, STRICT_CUSTOMERS))
    with TemporaryDirectory() as folder:
        old, fresh = lakehouse_at(Path(folder) / "old"), lakehouse_at(Path(folder) / "fresh")
        for batch in data.draw(arrivals(exports)):
            for pair in versions:
                table = data.draw(st.sampled_from(pair))
                run(old, table, [export for export in batch if export.table == table.short_name], accepts=True)
                if data.draw(st.booleans()):
                    redrive(old, never_fails(table), now=LATER)
        for pair in versions:
            table = data.draw(st.sampled_from(pair))
            run(fresh, table, [export for export in exports if export.table == table.short_name], accepts=True)
            rebuilt(old, table)
            assert state(old, table) == state(fresh, table)
