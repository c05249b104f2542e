"""File arrival as a pure decision: what lies there is sorted out, and the position never passes what is not settled."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.owner import FULL_BATCH_MISSING, TABLE_RECREATED
from medallion_assets.contracts.policies import AT_ONCE, Timers
from medallion_assets.contracts.source import DATED_AHEAD, Found
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction
from medallion_assets.refining.loading.refused_batches import RefusedBatch
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.triggers.asking import while_active
from medallion_assets.triggers.file_arrival import ArrivalCursor, Arrivals, evaluate, sort_out

START = datetime(2025, 1, 1, tzinfo=UTC)
Refusals = dict[tuple[str, str], RefusedBatch]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def export_id(number: int) -> str:
    return f"0{1_738_368_000_000 + number}-{number:08x}"


def export(number: int, *, whole: bool = True, fingerprint: str = "f", prefix: str = "") -> Found:
    return Found(id=export_id(number), prefix=prefix, fingerprint=fingerprint, is_complete=whole)


def refused(number: int, verdict: str, *, fingerprint: str = "f", judged: float = 0, prefix: str = "") -> Refusals:
    identity = (export_id(number), prefix)
    refusal = RefusedBatch(
        table_name="orders",
        export_id=identity[0],
        prefix=prefix,
        verdict=verdict,
        message="",
        fingerprint=fingerprint,
        judged_at=at(judged),
    )
    return {identity: refusal}


def confirmed(table_id: str, seconds: float) -> dict[str, Decision]:
    decision = Decision(
        table_name="orders",
        subject=table_id,
        action=DecisionAction.CONFIRM_TABLE,
        reason="on purpose",
        decided_by="ada",
        decided_at=at(seconds),
    )
    return {table_id: decision}


def sorted_out(
    *exports: Found,
    now: datetime = START,
    loaded: tuple[int, ...] = (),
    refusals: Refusals | None = None,
    decisions: Mapping[str, Decision] | None = None,
    latest_table_id: str | None = None,
    is_whole: bool = False,
) -> Arrivals:
    return sort_out(
        exports,
        now=now,
        loaded={export_id(number) for number in loaded},
        refusals=refusals or {},
        decisions=decisions or {},
        final_verdicts=DynamoDBExports.final_verdicts,
        latest_table_id=latest_table_id,
        seen=Arrivals(is_whole=is_whole),
    )


def numbers(exports: Iterable[Found]) -> list[int]:
    return [int(export.id[-8:], 16) for export in exports]


def test_one_that_is_dated_ahead_is_asked_for_once_its_moment_has_come() -> None:
    """F8."""
    ahead = replace(export(1), reaches_until=at(7 * 86400))
    refusals = refused(1, DATED_AHEAD)
    assert sorted_out(ahead, refusals=refusals).refused == [ahead]
    (due,) = sorted_out(ahead, refusals=refusals, now=at(6 * 86400)).pending
    assert due.id == ahead.id
    assert due.fingerprint != ahead.fingerprint  # another run than the one that refused it


def test_what_lies_there_is_sorted_out() -> None:
    refusals = refused(3, Verdict.NOT_GZIP) | refused(4, Verdict.NOT_GZIP, fingerprint="old")
    refusals |= refused(5, Verdict.WRONG_TABLE)
    every = [export(5), export(2, whole=False), export(4), export(3), export(1), export(0)]
    arrivals = sorted_out(*every, loaded=(0,), refusals=refusals)
    assert numbers(arrivals.pending) == [1, 4]
    assert numbers(arrivals.waiting) == [2]
    assert numbers(arrivals.refused) == [3]
    assert arrivals.settled == {export_id(0), export_id(5)}
    assert str(arrivals) == "no new batch (1 without a summary, 1 refused)"


def test_the_good_copy_of_an_export_waits_although_another_was_refused() -> None:
    arrivals = sorted_out(export(1, prefix="a/"), export(1, prefix="b/"), refusals=refused(1, "x", prefix="a/"))
    assert [export.prefix for export in arrivals.pending] == ["b/"]


def test_what_comes_after_a_table_made_anew_waits_until_it_is_confirmed() -> None:
    """Rule B3. A decision made before the verdict is about an older table."""
    stopped = refused(2, TABLE_RECREATED, judged=10)
    every = [export(1), export(2), export(3)]
    for decisions in ({}, confirmed("older", 10)):
        arrivals = sorted_out(*every, refusals=stopped, decisions=decisions)
        assert [numbers(part) for part in (arrivals.pending, arrivals.refused, arrivals.behind)] == [[1], [2], [3]]
    arrivals = sorted_out(*every, refusals=stopped, decisions=confirmed("new", 11))
    assert numbers(arrivals.pending) == [1, 2, 3]


def test_an_export_that_waits_for_a_full_one_waits_until_that_is_in() -> None:
    missing = refused(2, FULL_BATCH_MISSING, judged=10)
    for latest, pending in (("old", []), (None, []), ("new", [2])):
        decisions = confirmed("older", 5) | confirmed("new", 9)
        arrivals = sorted_out(export(2), refusals=missing, decisions=decisions, latest_table_id=latest)
        assert numbers(arrivals.pending) == pending


def test_complete_exports_are_asked_for_at_once_when_the_timers_are_0() -> None:
    decision = evaluate(at(0), ArrivalCursor(), sorted_out(export(1), export(2, whole=False)), AT_ONCE)
    assert decision.ask is not None
    assert numbers(decision.wanted) == [1]
    decision = evaluate(at(5), decision.cursor, sorted_out(export(2, whole=False), loaded=(1,)), AT_ONCE)
    assert decision.ask is None
    decision = evaluate(at(10), decision.cursor, sorted_out(export(2)), AT_ONCE)
    assert decision.ask is not None


def test_any_change_of_the_listing_starts_the_quiet_time_anew() -> None:
    """Of an export that is not complete as well, and of files that come or change."""
    timers, cursor = Timers(), ArrivalCursor()
    looks = {
        0: [export(1)],
        30: [export(1), export(2, whole=False)],
        60: [export(1), export(2, whole=False, fingerprint="g")],
        90: [export(1), export(2, whole=False, fingerprint="g")],
    }
    for seconds, exports in looks.items():
        decision = evaluate(at(seconds), cursor, sorted_out(*exports), timers)
        assert decision.ask is None
        cursor = decision.cursor
    assert decision.reason == "1 batch waits for the quiet time: 30 s"
    assert evaluate(at(120), cursor, sorted_out(*looks[90]), timers).ask is not None


def test_the_position_never_passes_what_is_not_settled() -> None:
    """Rule B2, whatever the order in which exports are completed."""
    cursor = evaluate(at(0), ArrivalCursor(), sorted_out(export(1), export(2), export(3), loaded=(0,)), AT_ONCE).cursor
    assert cursor.position == export_id(0)
    cursor = evaluate(at(5), cursor, sorted_out(export(1), export(2), export(3), loaded=(2, 3)), AT_ONCE).cursor
    assert cursor.position == export_id(0)
    cursor = evaluate(at(10), cursor, sorted_out(export(1), loaded=(1, 2, 3)), AT_ONCE).cursor
    assert cursor.position == export_id(3)
    assert evaluate(at(15), cursor, sorted_out(), AT_ONCE).cursor.position == export_id(3)


def test_a_late_copy_takes_the_position_back() -> None:
    cursor = ArrivalCursor(position=export_id(9))
    late = sorted_out(export(5), loaded=(3, 9), is_whole=True)
    assert evaluate(at(0), cursor, late, AT_ONCE).cursor.position == export_id(3)


def test_a_position_that_is_wrong_lasts_until_everything_is_listed() -> None:
    decision = evaluate(at(0), ArrivalCursor(position=export_id(9)), sorted_out(loaded=(3,), is_whole=True), AT_ONCE)
    assert decision.cursor.position == export_id(3)


@given(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)), st.booleans())
def test_everything_unsettled_comes_after_the_position(
    there: set[int], loaded: set[int], final: set[int], is_whole: bool
) -> None:
    refusals = {key: refusal for number in final for key, refusal in refused(number, Verdict.ION_NOT_SUPPORTED).items()}
    every = [export(number) for number in there]
    arrivals = sorted_out(*every, loaded=tuple(loaded), refusals=refusals, is_whole=is_whole)
    position = evaluate(at(0), ArrivalCursor(position=None), arrivals, AT_ONCE).cursor.position
    open_ids = [export_id(number) for number in there - loaded - final]
    assert position is None or all(export_id > position for export_id in open_ids)
    assert numbers(arrivals.pending) == sorted(there - loaded - final)


def test_everything_is_listed_now_and_then_and_when_nothing_is_known() -> None:
    assert ArrivalCursor().lists_everything(at(0))
    cursor = ArrivalCursor(position=export_id(1), listed_whole_at=at(0))
    assert not cursor.lists_everything(at(599))
    assert cursor.lists_everything(at(600))
    assert cursor.lists_everything(at(-1))  # the clock was set back


def test_a_cursor_survives_as_text() -> None:
    decision = evaluate(at(0), ArrivalCursor(), sorted_out(export(1), loaded=(0,), is_whole=True), Timers())
    assert from_json_or_none(ArrivalCursor, to_json(decision.cursor)) == decision.cursor


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0},
        {"position": 7},
        {"position": 5},
        {"listing": 5},
        {"state": {"attempts": -1}},
        {"changed_at": "now"},
    ],
)
def test_a_cursor_that_cannot_be_read_is_none(change: dict[str, object]) -> None:
    known = evaluate(at(0), ArrivalCursor(), sorted_out(export(1), loaded=(0,), is_whole=True), Timers()).cursor
    assert from_json_or_none(ArrivalCursor, json.dumps(json.loads(to_json(known)) | change)) is None


@pytest.mark.parametrize("text", [None, "", "null", "5", "[]", "{", '"text"'])
def test_a_cursor_that_is_lost_is_none(text: str | None) -> None:
    assert from_json_or_none(ArrivalCursor, text) is None


def test_while_a_run_is_at_work_nothing_is_asked_for_and_nothing_forgotten() -> None:
    asked = evaluate(at(0), ArrivalCursor(), sorted_out(export(1)), AT_ONCE).cursor
    held = while_active(at(500), asked, AT_ONCE)
    assert held.ask is None
    again = evaluate(at(505), held.cursor, sorted_out(export(1)), AT_ONCE)
    assert again.ask is None
    assert again.reason == "1 batch waits for attempt 2 of 8: 55 s"
    again = evaluate(at(560), again.cursor, sorted_out(export(1)), AT_ONCE)
    assert again.ask is not None
    assert again.ask.attempt == 2


def test_giving_up_is_seen_once() -> None:
    cursor, given_up = ArrivalCursor(), []
    for seconds in range(0, 20_000, 60):
        decision = evaluate(at(seconds), cursor, sorted_out(export(1)), AT_ONCE)
        cursor = decision.cursor
        given_up += [seconds] if decision.gives_up else []
    assert given_up == [7440]
    assert decision.reason == "given up after 8 attempts: 1 batch; new files or a manual run start it again"


def test_thousands_of_exports_are_decided_in_a_second() -> None:
    every = [export(number) for number in range(20_000)]
    began = time.process_time()
    decision = evaluate(at(0), ArrivalCursor(), sorted_out(*every, loaded=tuple(range(10_000))), AT_ONCE)
    assert len(decision.wanted) == 10_000
    assert time.process_time() - began < 1
