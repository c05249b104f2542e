"""Cursors that the release before wrote are read on: sensors neither ask again nor pass anything over."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.deriving.day_ledger import DayLedger
from medallion_assets.orchestration.runs.outcomes import EndStatus
from medallion_assets.orchestration.sensors import alerts, run_outcomes
from medallion_assets.orchestration.sensors.restated import sensors as restated
from medallion_assets.orchestration.sensors.restated.logs import LogPosition
from medallion_assets.triggers import file_arrival, run_if, table_update
from medallion_assets.triggers.debounce import DebounceState
from medallion_assets.triggers.restated.asking import AskingCursor

NOON, LATER = datetime(2025, 5, 8, 12, tzinfo=UTC), datetime(2025, 5, 8, 12, 0, 0, 5, tzinfo=UTC)
DAY, EXPORT = date(2025, 5, 7), "01746705600000-0123abcd"
STATE = DebounceState(signature="5b", changed_at=NOON, asked_at=LATER, attempts=2)
STATE_TEXT = (
    '{"signature": "5b", "changed_at": "2025-05-08T12:00:00+00:00", "asked_at": "2025-05-08T12:00:00.000005+00:00", '
    '"active_at": null, "attempts": 2, "given_up": false}'
)
BEFORE = {
    "file arrival": (
        (
            f'{{"version": 1, "position": "{EXPORT}", "listing": "c0", "listed_whole_at": "2025-05-08T12:00:00+00:00", '
            f'"changed_at": null, "state": {STATE_TEXT}}}'
        ),
        file_arrival.ArrivalCursor(position=EXPORT, listing="c0", listed_whole_at=NOON, state=STATE),
    ),
    "table update": (f'{{"version": 1, "state": {STATE_TEXT}}}', table_update.UpdateCursor(state=STATE)),
    "run if": (
        (
            '{"settled_until": 7.5, "handled": {"r1": 8.0}, '
            '"begun": {"a": {"upstream": "a", "run_id": "r1", "status": "failed"}}}'
        ),
        run_if.RunIfCursor(
            settled_until=7.5,
            handled={"r1": 8.0},
            begun={"a": run_if.Cause(upstream="a", run_id="r1", status=EndStatus.FAILED)},
        ),
    ),
    "run outcomes": (
        '{"until":"2025-05-08T12:00:00+00:00","handled":{"r1":"2025-05-08T14:00:00.000005+02:00"},"waiting":["r1"]}',
        run_outcomes.OutcomesCursor(until=NOON, handled={"r1": LATER}, waiting=frozenset({"r1"})),
    ),
    "alert sender": (
        '{"version": 3, "next_due_at": "2025-05-08T12:00:00+00:00"}',
        alerts.SenderCursor(version=3, next_due_at=NOON),
    ),
    "restated": (
        (
            '{"reading":{"ledger":{"as_of":false,"first_day":"2025-05-07","greatest_day":null,"restated":{"2025-05-07":4},'
            '"built":{"2025-05-07":3},"unpublished":{},"published":["2025-05-07",4]},"silver_version":4,"gold_version":-1,'
            '"event_id":17,"tables":["g","s"]},"memory":{"asked_at":null,"seen":{"build 2025-05-07@4":'
            '"2025-05-08T12:00:00+00:00"},"given_up":["build 2025-05-07@4"]}}'
        ),
        restated.RestatedCursor(
            reading=LogPosition(
                ledger=DayLedger(as_of=False, first_day=DAY, restated={DAY: 4}, built={DAY: 3}, published=(DAY, 4)),
                silver_version=4,
                event_id=17,
                tables=("g", "s"),
            ),
            memory=AskingCursor(seen={"build 2025-05-07@4": NOON}, given_up=frozenset({"build 2025-05-07@4"})),
        ),
    ),
}


@pytest.mark.parametrize(("text", "cursor"), BEFORE.values(), ids=BEFORE)
def test_a_cursor_of_the_release_before_is_read_on(text: str, cursor: Any) -> None:
    assert from_json_or_none(type(cursor), text) == cursor
    assert from_json_or_none(type(cursor), to_json(cursor)) == cursor


@pytest.mark.parametrize("cursor", [cursor for _, cursor in BEFORE.values()], ids=BEFORE)
@pytest.mark.parametrize("text", [None, "", "{", "[]", "7", "null", '"\ud800"', "[" * 100_000])
def test_a_text_that_is_no_cursor_is_none(text: str | None, cursor: Any) -> None:
    assert from_json_or_none(type(cursor), text) is None
