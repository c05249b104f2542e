"""Rebuild (rule C6) where something goes wrong: it is cut off, another writer commits meanwhile, files are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.errors import PermanentError
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.merging.history_table import events_table
from medallion_assets.refining.rebuilding import rebuild as rebuilding
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.oracle.lines import customer, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.refining.changed_contracts import AT, DAY, SECOND, THIRD
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
LAST = "01746316800000-0000000d"


@pytest.mark.parametrize(
    "table",
    [
        pytest.param((LOOSE, STRICT), id="state"),
        pytest.param((LOOSE_CUSTOMERS, STRICT_CUSTOMERS), id="history", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "step",
    [
        *(pytest.param(step, marks=pytest.mark.slow) for step in ("add_missing_rows", "replace_quarantine")),
        "replace_events",
        "Replacement.commit",
    ],
)
def test_cut_off_anywhere_it_loses_nothing_and_can_be_done_again(
    tmp_path: Path, table: tuple[Table, Table], step: str
) -> None:
    """Whatever step does not happen: no record is in no table, and the next rebuild gives the same tables."""
    before, after = table
    exports = transactions() if before is LOOSE else customers()
    lakehouse = lakehouse_at(tmp_path / "old")
    run(lakehouse, before, exports)
    with pytest.MonkeyPatch.context() as crash:
        crash.setattr(f"medallion_assets.refining.rebuilding.rebuild.{step}", _crash)
        if step == "replace_events" and not before.history:
            return
        with pytest.raises(RuntimeError):
            rebuilt(lakehouse, after)
    bad = {place[:3] for place in from_the_start(tmp_path, after, exports)["quarantine"]}  # type: ignore[attr-defined]
    if step != "add_missing_rows":
        assert bad <= {place[:3] for place in pipeline.quarantined(lakehouse, after)}
    rebuilt(lakehouse, after)
    assert state(lakehouse, after) == state(lakehouse_at(tmp_path / "fresh"), after)


@pytest.mark.slow
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


@pytest.mark.parametrize("is_cut_off", [pytest.param(False, marks=pytest.mark.slow), True])
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
    ("before", "after", "exports"),
    [
        pytest.param(LOOSE, STRICT, transactions, id="state"),
        pytest.param(LOOSE_CUSTOMERS, STRICT_CUSTOMERS, customers, id="history", marks=pytest.mark.slow),
    ],
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
    with pytest.raises(PermanentError, match=rf"1 export that {bronze.name} has lost.*{SECOND}"):
        rebuilt(lakehouse, after)
    assert state(lakehouse, before) == held
    done = rebuilt(lakehouse, after, drop_lost=True)
    assert done.dropped == [SECOND]
    assert state(lakehouse, after) == from_the_start(tmp_path / "first", after, [first])
    run(lakehouse, after, [second])
    assert state(lakehouse, after) == from_the_start(tmp_path / "both", after, [first, second])


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(Path.unlink, id="gone"),
        pytest.param(lambda path: path.write_bytes(b"PAR1 of nothing PAR1"), id="broken", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "table", first_quick(quarantine_table(STRICT_CUSTOMERS), events_table(STRICT_CUSTOMERS), STRICT_CUSTOMERS)
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


def _crash(*_arguments: object, **_options: object) -> None:
    raise RuntimeError
