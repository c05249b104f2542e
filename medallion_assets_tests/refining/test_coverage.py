"""Where something is missing between exports (rules C1 and C2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.refining.coverage import Gap, open_gaps, unprotected_minutes

START = datetime(2025, 1, 1, tzinfo=UTC)
MINUTE = 1 / 24 / 60


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def export(from_day: float, to_day: float | None = None, table: str = "orders") -> Batch:
    """A full export of one day's beginning, or an incremental one of two; the id says which days."""
    until = from_day if to_day is None else to_day
    return Batch(
        id=f"{from_day}-{until}",
        kind=BatchKind.FULL if to_day is None else BatchKind.CHANGES,
        covers_from=at(from_day),
        covers_to=at(until),
        uncertainty=timedelta(minutes=1),
        started_at=at(until),
        records=0,
        owner=table,
        origin="1",
    )


def test_windows_that_join_or_overlap_leave_no_gap() -> None:
    """Rule C1."""
    assert open_gaps([export(0), export(0, 1), export(0.5, 2), export(1, 1.2), export(2, 3)]) == {}


def test_a_gap_is_named_with_both_edges_at_the_first_window_behind_it() -> None:
    """Rule C1."""
    exports = [export(0), export(0, 1), export(2, 3), export(3, 4), export(5, 6)]
    assert open_gaps(exports) == {"2-3": Gap(at(1), at(2)), "5-6": Gap(at(4), at(5))}
    assert open_gaps(reversed(exports)) == open_gaps(exports)


def test_a_later_full_export_closes_a_gap() -> None:
    """Rule C2; one from within the gap does not."""
    exports = [export(0), export(0, 1), export(3, 4)]
    assert open_gaps([*exports, export(3)]) == {}
    assert open_gaps([*exports, export(2)]) == {"3-4": Gap(at(2 - MINUTE), at(3))}


def test_a_full_export_covers_a_minute_less_than_its_time_and_is_joined_until_its_time() -> None:
    """Rule C1; the gap behind it begins where it is sure of everything."""
    assert open_gaps([export(0), export(-MINUTE / 2, 1)]) == {}
    assert open_gaps([export(0), export(MINUTE / 60, 1)]) == {f"{MINUTE / 60}-1": Gap(at(-MINUTE), at(MINUTE / 60))}
    assert unprotected_minutes([export(0), export(-MINUTE, 1)]) == {}
    assert unprotected_minutes([export(0), export(0, 1), export(-1, 0)]) == {}
    (minute,) = unprotected_minutes([export(0), export(0, 1), export(5, table="customers")]).values()
    assert (minute.export_id, minute.covered_until, minute.window_from) == ("0-1", at(-MINUTE), at(0))


def test_a_chain_without_a_full_export_has_no_beginning() -> None:
    """Rule C1."""
    assert open_gaps([export(0, 1), export(1, 2)]) == {"0-1": Gap(None, at(0))}
    assert open_gaps([export(0, 1), export(1, 2), export(5)]) == {}


def test_each_table_has_its_own_chain() -> None:
    ours, theirs = [export(0), export(0, 1)], [replace(export(2, 3, table="customers"), id="theirs")]
    assert open_gaps(ours + theirs) == {"theirs": Gap(None, at(2))}
