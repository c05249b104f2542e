"""Full exports that are empty or have shrunk do not delete a table unasked (rule C7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Bounds
from medallion_assets.operations.tables.expectation_results import results_of
from medallion_assets.refining import refine
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.refined import Refined
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.oracle.lines import (
    Item,
    customer,
    delete_line,
    full,
    item_line,
    key_of,
    transaction,
    upsert_line,
    window,
)
from medallion_assets_tests.oracle.model import Decision, ExportInput
from medallion_assets_tests.refining.ledger.test_origins import NEW, OLD, confirm
from medallion_assets_tests.refining.planting import AT, AT_MICROS, HOUR, export_id, lake

pytestmark = pytest.mark.flow

DAY = 24 * HOUR
MAKE = {"customer_transactions": transaction, "customers": customer}
SMALL = GatePolicy(max_delete_min_rows=3)
"""A gate at more than half, and at least three rows."""


@pytest.fixture(params=first_quick(*pipeline.SILVER), ids=lambda table: table.short_name)
def table(request: pytest.FixtureRequest) -> Table:
    """A table of states, and a history."""
    table: Table = request.param
    return table


def items(table: Table, keys: Iterable[str]) -> list[Item]:
    return [MAKE[table.short_name](key) for key in keys]


def a_full(table: Table, number: int, keys: Iterable[str], *more: str, days: float = 0) -> ExportInput:
    lines = [item_line(item) for item in items(table, keys)]
    return full(table.short_name, export_id(number), AT + days * DAY, [*lines, *more])


def a_window(table: Table, number: int, *lines: str, days: float = 0, length: float = 1) -> ExportInput:
    begin = AT + days * DAY - HOUR
    return window(table.short_name, export_id(number), begin, begin + length * DAY + 2 * HOUR, list(lines))


def run(lakehouse: Lakehouse, table: Table, *exports: ExportInput, gate: GatePolicy = SMALL) -> Refined:
    for export in exports:
        pipeline.land(lakehouse, export)
    return refine.refine(lakehouse, pipeline.declared(table, gate=gate), now=pipeline.NOW)


def live(lakehouse: Lakehouse, table: Table) -> set[str]:
    is_live = "is_current" if table.history else "is_deleted"
    rows = pipeline.rows(lakehouse, table)
    return {row[table.key[0]] for row in rows if row[is_live] is table.history}


def held(done: Refined) -> tuple[int, int] | None:
    """The figures of an export that failed the gate: rows that it would delete, and live rows."""
    return None if done.failing is None else (done.failing.counted.absent, done.failing.counted.live)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("abcdef", None),
        ("abc", None),  # half of them is not more than half
        ("ab", (4, 6)),
        ("abxyz", (4, 6)),  # as many items as before, and others
        ("x", (6, 6)),
        ("", (6, 6)),
    ],
)
def test_a_full_export_that_lacks_too_much_waits_for_a_person(
    tmp_path: Path, table: Table, keys: str, expected: tuple[int, int] | None
) -> None:
    done = run(lake(tmp_path), table, a_full(table, 1, "abcdef"), a_full(table, 2, keys, days=1))
    assert held(done) == expected
    assert live(lake(tmp_path), table) == set(keys if expected is None else "abcdef")


@pytest.mark.parametrize(("keys", "expected"), [("a", None), ("", (3, 3))])
def test_few_rows_may_go_but_not_to_an_empty_export(
    tmp_path: Path, table: Table, keys: str, expected: tuple[int, int] | None
) -> None:
    """Two of three are fewer than three; an empty export deletes nothing at all unasked."""
    done = run(lake(tmp_path), table, a_full(table, 1, "abc"), a_full(table, 2, keys, days=1))
    assert held(done) == expected


def test_an_empty_table_may_have_an_empty_export(tmp_path: Path, table: Table) -> None:
    done = run(lake(tmp_path), table, a_full(table, 1, ""), a_full(table, 2, "", days=1))
    assert (held(done), len(done.applied)) == (None, 2)


def test_one_row_is_enough_for_an_empty_export(tmp_path: Path, table: Table) -> None:
    assert held(run(lake(tmp_path), table, a_full(table, 1, "a"), a_full(table, 2, "", days=1))) == (1, 1)


def test_an_export_without_a_good_record_is_as_empty_as_one_without_any(tmp_path: Path, table: Table) -> None:
    """What is broken says of no key that it is still there."""
    done = run(lake(tmp_path), table, a_full(table, 1, "a"), a_full(table, 2, "", "no record", days=1))
    assert held(done) == (1, 1)


@pytest.mark.parametrize("table", pipeline.SILVER, ids=lambda table: table.short_name, indirect=True)
def test_rows_that_are_newer_than_the_full_export_do_not_count(tmp_path: Path, table: Table) -> None:
    """K1: it decides what is older than its S. In a history also what was written again as it was."""
    written = AT_MICROS + 24 * 3_600_000_000
    newer = [upsert_line(written, item) for item in items(table, "abcdx")]
    first, late = a_full(table, 1, "abcdef"), a_full(table, 3, "e", days=1)
    done = run(lake(tmp_path), table, first, a_window(table, 2, *newer, length=0.95), late)
    assert held(done) is None  # of e and f, which alone are older, one goes
    assert live(lake(tmp_path), table) == set("abcdxe")
    assert (done.applied[-1].absent, done.applied[-1].live) == (1, 2)


def test_a_record_that_is_bad_keeps_its_row(tmp_path: Path, table: Table) -> None:
    """K1: present but bad is untouched, so it is not deleted either."""
    bad = [item_line(_spoilt(item)) for item in items(table, "cdef")]
    done = run(lake(tmp_path), table, a_full(table, 1, "abcdef"), a_full(table, 2, "a", *bad, days=1))
    assert held(done) is None
    assert live(lake(tmp_path), table) == set("acdef")


def _spoilt(item: Item) -> Item:
    return item | ({"amount": {"N": "-1"}} if "amount" in item else {"region": {"S": " "}})


def test_what_was_deleted_before_does_not_count(tmp_path: Path, table: Table) -> None:
    gone = [delete_line(AT_MICROS + 1, key_of(item)) for item in items(table, "abc")]
    done = run(
        lake(tmp_path), table, a_full(table, 1, "abcdef"), a_window(table, 2, *gone), a_full(table, 3, "f", days=2)
    )
    assert held(done) is None
    assert (done.applied[-1].absent, done.applied[-1].live) == (2, 3)


@pytest.mark.parametrize(("taken", "expected", "left"), [("new", (2, 2), "xy"), ("old", None, "ab")])
def test_the_first_full_export_of_a_new_table_is_measured_against_all_of_the_former_one(
    tmp_path: Path, table: Table, taken: str, expected: tuple[int, int] | None, left: str
) -> None:
    """B3: what the former table wrote after S goes as well; its own full export of after S deletes nothing."""
    lakehouse = lake(tmp_path)
    confirm(lakehouse, table.short_name)
    written = [upsert_line(AT_MICROS + 12 * 3_600_000_000, item) for item in items(table, "xy")]
    pipeline.land(lakehouse, a_full(table, 1, ""), table_id=OLD)
    pipeline.land(lakehouse, a_window(table, 2, *written), table_id=OLD)
    run(lakehouse, table)
    if taken == "old":
        pipeline.land(lakehouse, a_full(table, 3, "ab", days=0.25), table_id=NEW)
        pipeline.land(lakehouse, a_full(table, 4, "", days=2), table_id=OLD)
    else:
        pipeline.land(lakehouse, a_full(table, 3, "", days=0.25), table_id=NEW)
    assert held(run(lakehouse, table)) == expected
    assert live(lakehouse, table) == set(left)


@pytest.mark.parametrize(("action", "left"), [("accept", "ax"), ("reject", "abcdefx")])
def test_a_person_decides_and_the_exports_behind_it_go_on(
    tmp_path: Path, table: Table, action: Literal["accept", "reject"], left: str
) -> None:
    """C4: nothing behind it is taken before, whatever it is."""
    lakehouse = lake(tmp_path)
    after = a_window(table, 3, upsert_line(AT_MICROS + 18 * 3_600_000_000, MAKE[table.short_name]("x")))
    shrunk = a_full(table, 2, "a", days=0.5)
    assert held(run(lakehouse, table, a_full(table, 1, "abcdef"), shrunk, after)) == (5, 6)
    assert "x" not in live(lakehouse, table)
    pipeline.decide(lakehouse, [Decision(table.short_name, export_id(2), action)])
    assert run(lakehouse, table).failing is None
    assert live(lakehouse, table) == set(left)


def test_what_a_person_rejected_stays_out_when_the_gate_would_let_it_through(tmp_path: Path, table: Table) -> None:
    """C4: deletes that come late make what it lacks too little to fail."""
    lakehouse = lake(tmp_path)
    gone = [delete_line(AT_MICROS + 1, key_of(item)) for item in items(table, "bcd")]
    assert held(run(lakehouse, table, a_full(table, 1, "abcdef"), a_full(table, 3, "a", days=2))) == (5, 6)
    pipeline.decide(lakehouse, [Decision(table.short_name, export_id(3), "reject")])
    done = run(lakehouse, table, a_window(table, 2, *gone))
    assert (done.rejected, live(lakehouse, table)) == ([export_id(3)], set("aef"))


@pytest.mark.parametrize("table", pipeline.SILVER, ids=lambda table: table.short_name, indirect=True)
def test_incremental_deletes_pass_with_their_figures(tmp_path: Path, table: Table) -> None:
    gone = [delete_line(AT_MICROS + 1, key_of(item)) for item in items(table, "abcdef")]
    done = run(lake(tmp_path), table, a_full(table, 1, "abcdef"), a_window(table, 2, *gone))
    assert live(lake(tmp_path), table) == set()
    assert (done.applied[1].deletes, done.applied[1].live) == (6, 6)


@pytest.mark.parametrize(
    "order", [*(pytest.param(order, marks=pytest.mark.slow) for order in ((1, 2, 3), (2, 1, 3))), (3, 1, 2), (2, 3, 1)]
)
@pytest.mark.parametrize("at_once", [True, False])
def test_neither_arrival_nor_batches_matter(
    tmp_path: Path, table: Table, order: tuple[int, ...], at_once: bool
) -> None:
    """C3, K4: exports are judged by their moments, and what was decided stands."""
    lakehouse = lake(tmp_path)
    fulls = {1: a_full(table, 1, "abcdef"), 2: a_full(table, 2, "abcd", days=1), 3: a_full(table, 3, "", days=2)}
    batches = [[fulls[number] for number in order]] if at_once else [[fulls[number]] for number in order]
    for batch in batches:
        done = run(lakehouse, table, *batch)
    if not at_once and order[0] == 3:  # nothing was there when the empty one came: it has been applied
        assert done.failing is None
        return
    assert (held(done), live(lakehouse, table)) == ((4, 4), set("abcd"))


def test_a_rebuild_applies_what_was_applied(tmp_path: Path, table: Table) -> None:
    """C7: a recorded verdict stands, also of a release that knew no such limit."""
    lakehouse = lake(tmp_path)
    never = GatePolicy(max_delete_share=1, quality_threshold=0)
    run(lakehouse, table, a_full(table, 1, "abcdef"), a_full(table, 2, "a", days=1), gate=never)
    before = pipeline.rows(lakehouse, table)
    done = rebuild_judged(lakehouse, pipeline.declared(table, gate=SMALL), why="to see", now=pipeline.NOW)
    assert (done.accepted, pipeline.rows(lakehouse, table)) == ([], before)


@pytest.mark.parametrize("at_once", first_quick(1, 2, 3))
def test_figures_do_not_depend_on_how_much_is_in_memory(tmp_path: Path, table: Table, at_once: int) -> None:
    bounds = Bounds(keys=at_once, block_rows=at_once)
    done = run(lake(tmp_path, bounds), table, a_full(table, 1, "abcdef"), a_full(table, 2, "abxyz", days=1))
    assert held(done) == (4, 6)


def test_a_sensor_sees_that_the_export_was_held(tmp_path: Path, table: Table) -> None:
    """C4: a row for the rule, also where the contract has no other than the score (C3)."""
    plain = replace(table, expectations=())
    done = run(lake(tmp_path), plain, a_full(table, 1, "abcdef"), a_full(table, 2, "", days=1))
    assert done.failing is not None
    row, _ = results_of(pipeline.declared(plain), done.failing.counted, is_published=False, run_id="r", now=AT)
    assert (row.expectation, row.kind, row.passed, row.failed) == ("mass_delete", "gate", 0, 6)
