"""Which tables are asked for in one run, and which go alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.contracts.source import Found
from medallion_assets.triggers.asking import Asking, while_active
from medallion_assets.triggers.file_arrival import ArrivalCursor, Arrivals, evaluate
from medallion_assets.triggers.together import TablesCursor

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WAITS = Arrivals(pending=[Found(id="0-a", prefix="", fingerprint="1")])
LATER = Arrivals(pending=[Found(id="1-b", prefix="", fingerprint="1")])
NEW = Arrivals(pending=[*WAITS.pending, *LATER.pending])
NOTHING = Arrivals()


def look(
    cursor: TablesCursor, minute: int, alone: frozenset[str] = frozenset(), **arrivals: Arrivals | None
) -> tuple[list[str], TablesCursor]:
    """Who goes together at a look at some tables, of which None have a run at work; and the cursor after it."""
    now = NOON + timedelta(minutes=minute)
    looks: dict[str, Asking[ArrivalCursor, Found]] = {}
    for name, seen in arrivals.items():
        of_table = cursor.tables.get(name, ArrivalCursor())
        is_busy = seen is None
        looks[name] = (
            while_active(now, of_table, AT_ONCE) if is_busy else evaluate(now, of_table, seen or NOTHING, AT_ONCE)
        )
    return cursor.go_together(looks, alone=alone), cursor.after(looks)


def test_all_that_wait_go_together() -> None:
    assert look(TablesCursor(), 0, a=WAITS, b=NOTHING, c=WAITS)[0] == ["a", "c"]
    assert look(TablesCursor(), 0, a=WAITS, b=NOTHING, c=None)[0] == []


def test_what_was_asked_for_in_vain_goes_alone_until_it_is_gone() -> None:
    together, cursor = look(TablesCursor(), 0, a=WAITS, b=WAITS)
    assert together == ["a", "b"]
    together, cursor = look(cursor, 10, a=WAITS, b=NOTHING)
    assert (together, cursor.asked) == ([], {"a": "0-a"})
    together, cursor = look(cursor, 20, a=NEW, b=WAITS, c=WAITS)
    assert together == ["b", "c"]
    _, cursor = look(cursor, 30, a=None, b=NOTHING, c=NOTHING)
    assert cursor.asked == {"a": "0-a"}
    _, cursor = look(cursor, 40, a=NOTHING, b=NOTHING)
    together, cursor = look(cursor, 50, a=WAITS, b=WAITS)
    assert together == ["a", "b"]


def test_exports_that_keep_coming_hide_nothing_that_was_asked_for_in_vain() -> None:
    """With an export more it is a first attempt again, and another wish."""
    _, cursor = look(TablesCursor(), 0, a=WAITS, b=WAITS)
    _, cursor = look(cursor, 1, a=None, b=None)
    together, cursor = look(cursor, 2, a=NEW, b=NEW, c=WAITS, d=WAITS)
    assert together == ["c", "d"]
    assert cursor.tables["a"].state.attempts == 1


def test_a_busy_table_whose_exports_get_in_goes_with_others() -> None:
    _, cursor = look(TablesCursor(), 0, a=WAITS, b=WAITS)
    _, cursor = look(cursor, 1, a=None, b=None)
    together, cursor = look(cursor, 2, a=LATER, b=LATER)
    assert (together, cursor.asked) == (["a", "b"], {"a": "1-b", "b": "1-b"})


def test_a_table_that_is_to_go_alone_does() -> None:
    assert look(TablesCursor(), 0, frozenset("b"), a=WAITS, b=WAITS, c=WAITS)[0] == ["a", "c"]


def test_a_table_that_is_not_looked_at_keeps_its_cursor() -> None:
    _, before = look(TablesCursor(), 0, a=WAITS, b=WAITS)
    _, after = look(before, 10, b=NOTHING)
    assert after.tables["a"] == before.tables["a"]
    assert after.asked == {"a": "0-a"}


def test_a_cursor_is_read_as_it_was_written() -> None:
    _, cursor = look(TablesCursor(), 0, a=WAITS, b=WAITS)
    assert from_json_or_none(TablesCursor, to_json(cursor)) == cursor
    assert from_json_or_none(TablesCursor, '{"version": 2}') is None
