"""Rebuild (rule C6): the table, its events and its quarantine as if they had been made by the present contract."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import narwhals as nw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.contracts.table import Table
from medallion_assets.delta.commit_notes import RESTATED, commit_note, last_commit
from medallion_assets.delta.fingerprints import fingerprint, rules_of_rows
from medallion_assets.delta.replacement import REBUILT_NOTE
from medallion_assets.delta.table import Lakehouse
from medallion_assets.delta.table_changes import Rebuilt
from medallion_assets.errors import PermanentError, QualityGateError
from medallion_assets.refining import rebuild as rebuilding
from medallion_assets.refining.bronze import bronze_table, exports_in
from medallion_assets.refining.decisions import Action, read_decisions
from medallion_assets.refining.history_table import events_table
from medallion_assets.refining.judging import judge_exports
from medallion_assets.refining.quarantine import quarantine_table
from medallion_assets.refining.rebuild import rebuild_judged
from medallion_assets.refining.redrive import redrive
from medallion_assets.refining.refine import refine
from medallion_assets.refining.replay import Replay, export_groups
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import customer, delete_line, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, Decision, ExportInput, micros
from medallion_assets_tests.oracle.strategies import arrivals, histories
from medallion_assets_tests.pipeline import EXPORTS, NOW, lakehouse_at, land, refine_and_accept
from medallion_assets_tests.properties.examples import examples

pytestmark = pytest.mark.flow

AT = datetime(2025, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, SECOND, THIRD = "01746057600000-0000000a", "01746144000000-0000000b", "01746230400000-0000000c"
LAST = "01746316800000-0000000d"
EURO = {"S": "EUR"}
LATER = NOW + DAY


def never_fails(table: Table) -> Loaded:
    """The table with a gate that everything passes: these tests are about rows, not exports."""
    return pipeline.declared(table, gate=GatePolicy(quality_min_bad_records=10**9))


LOOSE = replace(
    pipeline.CUSTOMER_TRANSACTIONS,
    expectations=tuple(
        rule for rule in pipeline.CUSTOMER_TRANSACTIONS.expectations if rule.name != "currency_unsupported"
    ),
)
STRICT = replace(LOOSE, expectations=(*LOOSE.expectations, expect_or_drop("no_euro", nw.col("currency") != "EUR")))
LOOSE_CUSTOMERS = pipeline.CUSTOMERS
STRICT_CUSTOMERS = replace(
    LOOSE_CUSTOMERS,
    expectations=(*LOOSE_CUSTOMERS.expectations, expect_or_drop("no_west", nw.col("region") != "west")),
)


def transactions() -> list[ExportInput]:
    """t1 in dollars, then in euros; t2 in euros of another day, t3 deleted."""
    items = [
        item_line(transaction("t1")),
        item_line(transaction("t2", currency=EURO, transaction_timestamp={"S": "2025-03-09T12:00:00Z"})),
        item_line(transaction("t3")),
    ]
    changes = [
        upsert_line(micros(AT) + 5, transaction("t1", currency=EURO)),
        delete_line(micros(AT) + 6, {"transaction_id": {"S": "t3"}}),
    ]
    return [full(TRANSACTIONS, FIRST, AT, items), window(TRANSACTIONS, SECOND, AT, AT + DAY, changes)]


def customers() -> list[ExportInput]:
    """c1 moves to the west, c2 lives there."""
    items = [item_line(customer("c1", region={"S": "east"})), item_line(customer("c2", region={"S": "west"}))]
    changes = [upsert_line(micros(AT) + 5, customer("c1", region={"S": "west"}))]
    return [full(CUSTOMERS, FIRST, AT, items), window(CUSTOMERS, SECOND, AT, AT + DAY, changes)]


def run(lakehouse: Lakehouse, table: Table, exports: Iterable[ExportInput], *, accepts: bool = False) -> None:
    lakehouse.ready(bronze_table(table.short_name))
    for export in exports:
        land(lakehouse, export)
    if accepts:
        refine_and_accept(lakehouse, never_fails(table))
    assert refine(lakehouse, never_fails(table), now=NOW).failing is None


def state(lakehouse: Lakehouse, table: Table) -> dict[str, object]:
    """The table, its events and its quarantine, without the time at which a row failed."""
    order = [*table.key, "valid_from"] if table.history else list(table.key)
    found: dict[str, object] = {"rows": pipeline.rows(lakehouse, table, *order)}
    if table.history:
        found["events"] = pipeline.rows(lakehouse, events_table(table), *table.key, "_export_id")
    found["quarantine"] = pipeline.quarantined(lakehouse, table)
    return found


def from_the_start(folder: Path, table: Table, exports: Iterable[ExportInput]) -> dict[str, object]:
    """What a lakehouse holds that was made by this contract alone."""
    fresh = lakehouse_at(folder / "fresh")
    run(fresh, table, exports)
    return state(fresh, table)


def rebuilt(lakehouse: Lakehouse, table: Table | Loaded, **options: Any) -> Rebuilt:
    loaded = never_fails(table) if isinstance(table, Table) else table
    return rebuild_judged(lakehouse, loaded, why="a new contract", now=LATER, **options)


CASES = [
    pytest.param(LOOSE, STRICT, transactions, id="stricter"),
    pytest.param(STRICT, LOOSE, transactions, id="looser"),
    pytest.param(LOOSE_CUSTOMERS, STRICT_CUSTOMERS, customers, id="stricter history"),
    pytest.param(STRICT_CUSTOMERS, LOOSE_CUSTOMERS, customers, id="looser history"),
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
    assert [(one.change, one.key, one.before.get("currency")) for one in changes.examples] == [
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


def test_twice_changes_no_row(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    run(lakehouse, LOOSE, transactions())
    rebuilt(lakehouse, STRICT)
    files = set(lakehouse.open(STRICT).files["path"])
    assert not rebuilt(lakehouse, STRICT).changes.any
    assert set(lakehouse.open(STRICT).files["path"]) == files


@pytest.mark.parametrize(
    "table",
    [
        pytest.param((LOOSE, STRICT), id="state"),
        pytest.param((LOOSE_CUSTOMERS, STRICT_CUSTOMERS), id="history", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("step", ["add_missing_rows", "replace_events", "Replacement.commit", "replace_quarantine"])
def test_cut_off_anywhere_it_loses_nothing_and_can_be_done_again(
    tmp_path: Path, table: tuple[Table, Table], step: str
) -> None:
    """Whatever step does not happen: no record is in no table, and the next rebuild gives the same tables."""
    before, after = table
    exports = transactions() if before is LOOSE else customers()
    lakehouse = lakehouse_at(tmp_path / "old")
    run(lakehouse, before, exports)
    with pytest.MonkeyPatch.context() as crash:
        crash.setattr(f"medallion_assets.refining.rebuild.{step}", _crash)
        if step == "replace_events" and not before.history:
            return
        with pytest.raises(RuntimeError):
            rebuilt(lakehouse, after)
    bad = {place[:3] for place in from_the_start(tmp_path, after, exports)["quarantine"]}  # type: ignore[attr-defined]
    if step != "add_missing_rows":
        assert bad <= {place[:3] for place in pipeline.quarantined(lakehouse, after)}
    rebuilt(lakehouse, after)
    assert state(lakehouse, after) == state(lakehouse_at(tmp_path / "fresh"), after)


def test_exports_that_settle_meanwhile_come_in_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer commits between comparing and committing: the copy takes its export too, and no work is lost."""
    lakehouse = lakehouse_at(tmp_path / "old")
    late = window(TRANSACTIONS, THIRD, AT + DAY, AT + 2 * DAY, [upsert_line(micros(AT + DAY) + 1, transaction("t9"))])
    run(lakehouse, LOOSE, transactions())
    waiting = [late]
    decide = rebuilding.record_decisions

    def while_another_refines(*arguments: Any) -> None:
        if waiting:
            run(lakehouse, LOOSE, [waiting.pop()])
        decide(*arguments)

    monkeypatch.setattr(rebuilding, "record_decisions", while_another_refines)
    assert rebuilt(lakehouse, STRICT).exports == 3
    monkeypatch.undo()
    assert state(lakehouse, STRICT) == from_the_start(tmp_path, STRICT, [*transactions(), late])


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_an_event_that_is_logged_meanwhile_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_cut_off: bool
) -> None:
    """H1: another writer settles a window after the copy was made; then the rebuild may be cut off for good."""
    lakehouse = lakehouse_at(tmp_path / "old")
    moves = [upsert_line(micros(AT + DAY) + 1, customer("c1", region={"S": "north"}))]
    late = window(CUSTOMERS, THIRD, AT + DAY, AT + 2 * DAY, moves)
    run(lakehouse, LOOSE_CUSTOMERS, customers())
    waiting, add = [late], rebuilding.add_missing_rows

    def while_another_refines(*arguments: Any) -> None:
        add(*arguments)
        if waiting:
            run(lakehouse, LOOSE_CUSTOMERS, [waiting.pop()])
        elif is_cut_off:
            raise RuntimeError

    monkeypatch.setattr(rebuilding, "add_missing_rows", while_another_refines)
    if is_cut_off:
        with pytest.raises(RuntimeError):
            rebuilt(lakehouse, LOOSE_CUSTOMERS)
    else:
        rebuilt(lakehouse, LOOSE_CUSTOMERS)
    monkeypatch.undo()
    again = window(CUSTOMERS, LAST, AT + 2 * DAY, AT + 3 * DAY, [upsert_line(micros(AT + 2 * DAY) + 1, customer("c1"))])
    run(lakehouse, LOOSE_CUSTOMERS, [again])
    assert state(lakehouse, LOOSE_CUSTOMERS) == from_the_start(tmp_path, LOOSE_CUSTOMERS, [*customers(), late, again])


@pytest.mark.parametrize(
    ("before", "after", "exports"), [(LOOSE, STRICT, transactions), (LOOSE_CUSTOMERS, STRICT_CUSTOMERS, customers)]
)
def test_exports_that_bronze_has_lost_stop_it_and_come_back_if_they_were_dropped(
    tmp_path: Path, before: Table, after: Table, exports: Callable[[], list[ExportInput]]
) -> None:
    """Nothing is lost without a word: and what was dropped is judged like new when Bronze has it again."""
    lakehouse, bronze = lakehouse_at(tmp_path / "old"), bronze_table(before.short_name)
    first, second = exports()
    run(lakehouse, before, [first, second])
    lakehouse.open(bronze).delta.restore(1)
    held = state(lakehouse, before)
    with pytest.raises(PermanentError, match=rf"1 exports that {bronze.name} has lost.*{SECOND}"):
        rebuilt(lakehouse, after)
    assert state(lakehouse, before) == held
    done = rebuilt(lakehouse, after, drop_lost=True)
    assert done.dropped == [SECOND]
    assert state(lakehouse, after) == from_the_start(tmp_path / "first", after, [first])
    run(lakehouse, after, [second])
    assert state(lakehouse, after) == from_the_start(tmp_path / "both", after, [first, second])


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1 of nothing PAR1")])
@pytest.mark.parametrize(
    "table", [quarantine_table(STRICT_CUSTOMERS), events_table(STRICT_CUSTOMERS), STRICT_CUSTOMERS]
)
def test_it_makes_again_what_is_gone_or_broken(tmp_path: Path, table: Table, damage: Callable[[Path], object]) -> None:
    """Of the table, of its events, of its quarantine."""
    lakehouse = lakehouse_at(tmp_path / "old")
    run(lakehouse, STRICT_CUSTOMERS, customers())
    snapshot = lakehouse.open(table)
    for path in snapshot.files["path"]:
        damage(Path(snapshot.uri) / path)
    rebuilt(lakehouse, STRICT_CUSTOMERS)
    assert state(lakehouse, STRICT_CUSTOMERS) == from_the_start(tmp_path, STRICT_CUSTOMERS, customers())


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
    replay = Replay(loaded=never_fails(table), scratch=scratch, quarantined_in=scratch)
    run(lakehouse, table, [])
    for number in range(4):
        export_id = f"0{micros(AT + number * DAY) // 1000}-{number:08x}"
        land(lakehouse, full(TRANSACTIONS, export_id, AT + number * DAY, [item_line(transaction("t1"))]))
    bronze = lakehouse.open(bronze_table(TRANSACTIONS))
    for group in export_groups(exports_in(bronze, EXPORTS), most=1):
        with TemporaryDirectory() as folder:
            replay.apply(group, judge_exports(bronze, never_fails(table), group, Path(folder)).good, Path(folder))
    assert len(list(Path(scratch.uri(table)).rglob("*.parquet"))) == scratch.open(table).files.height


def many_euros() -> list[ExportInput]:
    """An export of which a tenth and more than ten records are in euros."""
    items = [
        item_line(transaction(f"t{number}", **({"currency": EURO} if number < 12 else {}))) for number in range(99)
    ]
    return [full(TRANSACTIONS, FIRST, AT, items)]


def test_the_gate_holds_unless_a_person_accepts_all(tmp_path: Path) -> None:
    """C3, C4: what the present contract would stop is not published by a rebuild; the decision is recorded."""
    strict = pipeline.declared(STRICT)
    lakehouse = lakehouse_at(tmp_path / "old")
    run(lakehouse, LOOSE, many_euros())
    before = state(lakehouse, LOOSE)
    with pytest.raises(QualityGateError, match=rf"export {FIRST} .*12 bad of 99 .*--accept-all"):
        rebuilt(lakehouse, strict)
    assert state(lakehouse, LOOSE) == before
    assert rebuilt(lakehouse, strict, accept_all=True).accepted == [FIRST]
    assert read_decisions(lakehouse, TRANSACTIONS)[FIRST].action is Action.ACCEPT
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
    with pytest.raises(PermanentError, match="the rebuild has no reason"):
        rebuild_judged(lakehouse, never_fails(LOOSE), why=" ", now=LATER)
    with pytest.raises(PermanentError, match="has not been made yet"):
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


def _crash(*_arguments: object, **_options: object) -> None:
    raise RuntimeError
