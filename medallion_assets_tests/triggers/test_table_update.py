"""Table updates as a pure decision: any or all of some tables have what their consumer has not taken in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from medallion_assets.contracts.documents import from_json_or_none
from medallion_assets.contracts.policies import AT_ONCE, Timers
from medallion_assets.contracts.triggers import Mode
from medallion_assets.triggers.asking import while_active
from medallion_assets.triggers.table_update import UpdateCursor, Watched, evaluate

START = datetime(2025, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def table(name: str, version: int, consumed: int | None = None, *, changed: float = 0, note: str = "") -> Watched:
    return Watched(table=name, version=version, changed_at=at(changed), consumed=consumed, note=note)


A, B = table("silver.a", 3, 2), table("silver.b", 5, 4)
A_DONE, B_DONE = table("silver.a", 3, 3), table("silver.b", 5, 5)


@pytest.mark.parametrize(
    ("tables", "any_asks", "all_asks"),
    [
        ([A, B], True, True),
        ([A, B_DONE], True, False),
        ([A_DONE, B_DONE], False, False),
        ([A], True, True),
        ([], False, False),
    ],
)
def test_any_and_all(tables: list[Watched], any_asks: bool, all_asks: bool) -> None:
    for mode, asks in ((Mode.ANY, any_asks), (Mode.ALL, all_asks)):
        assert (evaluate(at(0), UpdateCursor(), tables, mode, AT_ONCE).ask is not None) == asks


def test_an_empty_table_is_no_update() -> None:
    assert not table("silver.a", 0).is_updated
    assert table("silver.a", 1).is_updated


def test_what_cannot_be_taken_in_yet_is_no_update_and_says_why() -> None:
    waiting = Watched(table="silver.a", version=3, changed_at=at(0), consumed=2, waits="export x failed the gate")
    decision = evaluate(at(0), UpdateCursor(), [waiting], Mode.ANY, AT_ONCE)
    assert decision.ask is None
    assert decision.reason == "no new version; export x failed the gate"


def test_the_updated_tables_are_named_and_the_others_are_not() -> None:
    decision = evaluate(at(0), UpdateCursor(), [A, B_DONE], Mode.ANY, AT_ONCE)
    assert [update.table for update in decision.wanted] == ["silver.a"]
    decision = evaluate(at(0), UpdateCursor(), [A, B_DONE], Mode.ALL, AT_ONCE)
    assert decision.reason == "only version 3 of silver.a"


def test_the_quiet_time_counts_from_the_last_change_of_any() -> None:
    """Commits at 5 s and 115 s with 120/60; the last trigger was at 0."""
    timers = Timers(min_time_between_triggers_seconds=120, wait_after_last_change_seconds=60)
    cursor = evaluate(at(0), UpdateCursor(), [table("a", 1, changed=-60)], Mode.ANY, timers).cursor
    asked = []
    for seconds in range(5, 300, 5):
        tables = [table("a", 2, 1, changed=5), *([table("b", 1, changed=115)] if seconds >= 115 else [])]
        decision = evaluate(at(seconds), cursor, tables, Mode.ANY, timers)
        cursor = decision.cursor
        if decision.ask is not None:
            asked.append(seconds)
            break
    assert asked == [175]


def test_the_same_versions_are_asked_for_again_only_after_a_wait() -> None:
    first = evaluate(at(0), UpdateCursor(), [A], Mode.ANY, AT_ONCE)
    again = evaluate(at(5), first.cursor, [A], Mode.ANY, AT_ONCE)
    assert again.ask is None
    assert again.reason == "version 3 of silver.a waits for attempt 2 of 8: 55 s"
    again = evaluate(at(60), again.cursor, [A], Mode.ANY, AT_ONCE)
    assert first.ask is not None
    assert again.ask is not None
    assert (again.ask.signature, again.ask.attempt) == (first.ask.signature, 2)


@pytest.mark.parametrize("changed", [table("silver.a", 4, 2), table("silver.a", 3, 2, note="accept")])
def test_another_version_or_a_decision_begins_anew(changed: Watched) -> None:
    first = evaluate(at(0), UpdateCursor(), [A], Mode.ANY, AT_ONCE)
    anew = evaluate(at(5), first.cursor, [changed], Mode.ANY, AT_ONCE)
    assert anew.ask is not None
    assert anew.ask.attempt == 1


def test_while_a_run_is_at_work_nothing_is_asked_for_and_nothing_forgotten() -> None:
    first = evaluate(at(0), UpdateCursor(), [A], Mode.ANY, AT_ONCE)
    held = while_active(at(1000), first.cursor, AT_ONCE)
    assert held.ask is None
    assert evaluate(at(1005), held.cursor, [A], Mode.ANY, AT_ONCE).ask is None
    assert evaluate(at(1060), held.cursor, [A], Mode.ANY, AT_ONCE).ask is not None


def test_giving_up_is_seen_once() -> None:
    cursor, given_up, decision = UpdateCursor(), 0, None
    for seconds in range(0, 20_000, 60):
        decision = evaluate(at(seconds), cursor, [A], Mode.ANY, AT_ONCE)
        cursor = decision.cursor
        given_up += decision.gives_up
    assert given_up == 1
    assert decision is not None
    assert decision.reason.startswith("given up after 8 attempts: version 3 of silver.a; a new version, a decision")


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", '{"version": 0}'])
def test_a_cursor_that_is_lost_or_cannot_be_read_is_none(text: str | None) -> None:
    assert from_json_or_none(UpdateCursor, text) is None
    assert from_json_or_none(UpdateCursor, '{"version": 1, "state": {}}') == UpdateCursor()
