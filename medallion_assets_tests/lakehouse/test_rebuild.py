"""Rebuild (rule C6): the table, its events and its quarantine as if they had been made by the present contract."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import narwhals as nw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medallion_assets.errors import PermanentError, QualityGateError
from medallion_assets.lakehouse import rebuild as rebuilding
from medallion_assets.lakehouse.commit_notes import RESTATED, commit_note, last_commit
from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.decisions import Action, read_decisions
from medallion_assets.lakehouse.delta import Lakehouse
from medallion_assets.lakehouse.expectations import expect_or_drop
from medallion_assets.lakehouse.fingerprints import fingerprint, rules_of_rows
from medallion_assets.lakehouse.history_store import events_table
from medallion_assets.lakehouse.quarantine import quarantine_table
from medallion_assets.lakehouse.raw_exports import bronze_table
from medallion_assets.lakehouse.rebuild import rebuild_judged
from medallion_assets.lakehouse.redrive import redrive
from medallion_assets.lakehouse.refine import refine
from medallion_assets.lakehouse.replacement import REBUILT_NOTE
from medallion_assets.lakehouse.table_changes import Rebuilt
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import customer, delete_line, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, Decision, ExportInput, micros
from medallion_assets_tests.oracle.strategies import arrivals, histories
from medallion_assets_tests.pipeline import NOW, lakehouse_at, land

AT = datetime(2025, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, SECOND, THIRD = "01746057600000-0000000a", "01746144000000-0000000b", "01746230400000-0000000c"
EURO = {"S": "EUR"}
LATER = NOW + DAY


def never_fails(table: Table) -> Table:
    """The contract with a gate that everything passes."""
    return replace(table, quality_min_bad_records=10**9)


LOOSE = never_fails(
    replace(
        pipeline.CUSTOMER_TRANSACTIONS,
        expectations=tuple(
            rule for rule in pipeline.CUSTOMER_TRANSACTIONS.expectations if rule.name != "currency_unsupported"
        ),
    )
)
STRICT = replace(LOOSE, expectations=(*LOOSE.expectations, expect_or_drop("no_euro", nw.col("currency") != "EUR")))
LOOSE_CUSTOMERS = never_fails(pipeline.CUSTOMERS)
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


def run(lakehouse: Lakehouse, table: Table, exports: Iterable[ExportInput]) -> None:
    lakehouse.ready(bronze_table(table.short_name))
    for export in exports:
        land(lakehouse, export)
    assert refine(lakehouse, table, now=NOW).failing is None


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


def rebuilt(lakehouse: Lakehouse, table: Table, **options: Any) -> Rebuilt:
    return rebuild_judged(lakehouse, table, why="a new contract", now=LATER, **options)


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
    assert rules_of_rows(lakehouse.open(after)) == [fingerprint(after)]
    assert refine(lakehouse, after, now=LATER).applied == []  # every export is settled, and the checkpoint with it
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
    assert commit_note(commit, REBUILT_NOTE) == {"why": "a new contract", "accepted": []}


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


@pytest.mark.parametrize("table", [(LOOSE, STRICT), (LOOSE_CUSTOMERS, STRICT_CUSTOMERS)], ids=["state", "history"])
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
        crash.setattr(f"medallion_assets.lakehouse.rebuild.{step}", _crash)
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


def many_euros() -> list[ExportInput]:
    """An export of which a tenth and more than ten records are in euros."""
    items = [
        item_line(transaction(f"t{number}", **({"currency": EURO} if number < 12 else {}))) for number in range(99)
    ]
    return [full(TRANSACTIONS, FIRST, AT, items)]


def test_the_gate_holds_unless_a_person_accepts_all(tmp_path: Path) -> None:
    """C3, C4: what the present contract would stop is not published by a rebuild; the decision is recorded."""
    strict = replace(STRICT, quality_min_bad_records=10)
    lakehouse = lakehouse_at(tmp_path / "old")
    run(lakehouse, LOOSE, many_euros())
    before = state(lakehouse, LOOSE)
    with pytest.raises(QualityGateError, match=rf"export {FIRST} .*12 bad of 99 .*--accept-all"):
        rebuilt(lakehouse, strict)
    assert state(lakehouse, LOOSE) == before
    assert rebuilt(lakehouse, strict, accept_all=True).accepted == [FIRST]
    assert read_decisions(lakehouse, TRANSACTIONS)[FIRST].action is Action.ACCEPT
    assert len(pipeline.rows(lakehouse, strict)) == 87
    assert rebuilt(lakehouse, strict).accepted == []  # the decision stays in force


def test_decisions_of_the_past_stay_in_force(tmp_path: Path) -> None:
    """C4: an export that was rejected stays out, although it passes now; its window stays covered."""
    strict = replace(STRICT, quality_min_bad_records=10)
    lakehouse = lakehouse_at(tmp_path)
    first = full(TRANSACTIONS, FIRST, AT, [item_line(transaction("a"))])
    lines = [upsert_line(micros(AT) + n, transaction(f"t{n}", currency=EURO)) for n in range(12)]
    for export in (first, window(TRANSACTIONS, SECOND, AT, AT + DAY, lines)):
        land(lakehouse, export)
    pipeline.decide(lakehouse, [Decision(TRANSACTIONS, SECOND, "reject")])
    assert refine(lakehouse, strict, now=NOW).rejected == [SECOND]
    rebuilt(lakehouse, LOOSE)
    assert [row["transaction_id"] for row in pipeline.rows(lakehouse, LOOSE)] == ["a"]
    assert refine(lakehouse, LOOSE, now=LATER).gaps == []


def test_it_needs_a_reason_and_a_table(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    with pytest.raises(PermanentError, match="the rebuild has no reason"):
        rebuild_judged(lakehouse, LOOSE, why=" ", now=LATER)
    with pytest.raises(PermanentError, match="has not been made yet"):
        rebuilt(lakehouse, LOOSE)


@settings(
    max_examples=int(os.environ.get("MEDALLION_EXAMPLES", "8")),
    deadline=None,
    derandomize="MEDALLION_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), exports=histories(allow_gaps=False))
def test_whatever_the_history_it_equals_a_fresh_one(data: st.DataObject, exports: tuple[ExportInput, ...]) -> None:
    """C6, K4: any history and arrival, contracts that change between batches, rows that were driven again."""
    versions = ((LOOSE, STRICT), (LOOSE_CUSTOMERS, STRICT_CUSTOMERS))
    with TemporaryDirectory() as folder:
        old, fresh = lakehouse_at(Path(folder) / "old"), lakehouse_at(Path(folder) / "fresh")
        for batch in data.draw(arrivals(exports)):
            for pair in versions:
                table = data.draw(st.sampled_from(pair))
                run(old, table, [export for export in batch if export.table == table.short_name])
                if data.draw(st.booleans()):
                    redrive(old, table, now=LATER)
        for pair in versions:
            table = data.draw(st.sampled_from(pair))
            run(fresh, table, [export for export in exports if export.table == table.short_name])
            rebuilt(old, table)
            assert state(old, table) == state(fresh, table)


def _crash(*_arguments: object, **_options: object) -> None:
    raise RuntimeError
