"""Where something is missing between exports (rules C1 and C2), and how far they reach (rule V1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.coverage import NOTHING, UNKNOWN, Coverage
from medallion_assets.contracts.moments import EPOCH
from medallion_assets.refining.ledger.coverage import Uncovered, coverage_of, open_gaps, unprotected_minutes
from medallion_assets.refining.ledger.origins import Origins
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets.sources.files.files import Files
from medallion_assets.sources.files.names import modified_at

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
    assert open_gaps(exports) == {"2-3": Uncovered(at(1), at(2)), "5-6": Uncovered(at(4), at(5))}
    assert open_gaps(reversed(exports)) == open_gaps(exports)


def test_a_later_full_export_closes_a_gap() -> None:
    """Rule C2; one from within the gap does not."""
    exports = [export(0), export(0, 1), export(3, 4)]
    assert open_gaps([*exports, export(3)]) == {}
    assert open_gaps([*exports, export(2)]) == {"3-4": Uncovered(at(2 - MINUTE), at(3))}


def test_a_full_export_covers_a_minute_less_than_its_time_and_is_joined_until_its_time() -> None:
    """Rule C1; the gap behind it begins where it is sure of everything."""
    assert open_gaps([export(0), export(-MINUTE / 2, 1)]) == {}
    assert open_gaps([export(0), export(MINUTE / 60, 1)]) == {
        f"{MINUTE / 60}-1": Uncovered(at(-MINUTE), at(MINUTE / 60))
    }
    assert unprotected_minutes([export(0), export(-MINUTE, 1)]) == {}
    assert unprotected_minutes([export(0), export(0, 1), export(-1, 0)]) == {}
    (minute,) = unprotected_minutes([export(0), export(0, 1), export(5, table="customers")]).values()
    assert (minute.batch_id, minute.covered_until, minute.window_from) == ("0-1", at(-MINUTE), at(0))


def test_a_chain_without_a_full_export_has_no_beginning() -> None:
    """Rule C1."""
    assert open_gaps([export(0, 1), export(1, 2)]) == {"0-1": Uncovered(None, at(0))}
    assert open_gaps([export(0, 1), export(1, 2), export(5)]) == {}


def test_each_table_has_its_own_chain() -> None:
    ours, theirs = [export(0), export(0, 1)], [replace(export(2, 3, table="customers"), id="theirs")]
    assert open_gaps(ours + theirs) == {"theirs": Uncovered(None, at(2))}


def test_batches_reach_as_far_as_they_join() -> None:
    """Rule V1, whatever the order: what lies behind a gap does not count, a later full export closes it."""
    exports = [export(0), export(0, 1), export(2, 3), export(1, 1.5)]
    assert reach(exports) == reach(exports[::-1]) == Coverage(at(1.5))
    assert reach([*exports, export(2)]) == Coverage(at(3))
    assert reach([*exports, export(4)]) == Coverage(at(4 - MINUTE))
    assert reach([export(1, 2)]) == reach([]) == NOTHING


def test_a_later_table_covers_what_the_former_one_left_open() -> None:
    """Rule B3: the chain of a table made anew is its own, and what it covers is covered."""
    former, later = [export(0), export(0, 1), export(2, 3)], [replace(export(4), origin="2")]
    origins = Origins(numbers={each.id: 1 for each in later})
    assert coverage_of(DynamoDBExports(), [*former, *later], None, origins) == Coverage(at(4 - MINUTE))


def test_files_reach_as_far_as_their_names_say() -> None:
    """A day without its file is a gap; what no name dates is unknown, beside dated files it counts for nothing."""
    daily = Files(pattern="*.csv", kind=BatchKind.CHANGES, sequence="at", covers="orders-%Y-%m-%d")
    files = [of_file(f"orders-2025-01-0{day}.csv", written=day + 1) for day in (1, 2, 4)]
    assert coverage_of(daily, files, daily.chain_starts_at) == Coverage(at(2))
    assert coverage_of(daily, [*files, of_file("orders-2025-01-03.csv", written=9)], EPOCH) == Coverage(at(4))
    assert coverage_of(daily, [of_file("more.csv"), *files[:1]], EPOCH) == Coverage(at(1))
    assert coverage_of(daily, [of_file("more.csv")], EPOCH) == UNKNOWN
    assert coverage_of(replace(daily, covers=None), files, EPOCH) == UNKNOWN
    assert coverage_of(daily, [], EPOCH) == NOTHING


def test_a_file_covers_no_more_than_there_was_when_it_was_written() -> None:
    """The last one: it may come again."""
    daily = Files(pattern="*.csv", kind=BatchKind.CHANGES, sequence="at", covers="orders-%Y-%m-%d")
    today = [of_file("orders-2025-01-01.csv", written=1), of_file("orders-2025-01-02.csv", written=1.75)]
    assert coverage_of(daily, today, EPOCH) == Coverage(at(1.75))
    hourly = replace(daily, covers="orders-%Y-%m-%dT%H")
    hours = [of_file(f"orders-2025-01-01T0{hour}.csv") for hour in (0, 1)]
    assert coverage_of(hourly, hours, EPOCH) == Coverage(START + timedelta(hours=2))


def test_a_month_covers_itself() -> None:
    """Its name is what it replaces; a month that is missing is a gap."""
    months = Files(pattern="*.csv", kind=BatchKind.PARTITION, partition="%Y-%b")
    files = [of_file(f"2024-{name}.csv") for name in ("Jan", "Feb", "Apr")]
    assert coverage_of(months, files, EPOCH) == Coverage(datetime(2024, 3, 1, tzinfo=UTC))
    december = [of_file("2024-Dec.csv")]
    assert coverage_of(months, december, EPOCH) == Coverage(datetime(2025, 1, 1, tzinfo=UTC))


def reach(exports: list[Batch]) -> Coverage:
    return coverage_of(DynamoDBExports(), exports, None)


def of_file(key: str, written: float = 99) -> Batch:
    """The batch of a file that was written some days after the start."""
    name = f"{key}@{at(written):%Y%m%dT%H%M%S%fZ}-0badcafe"
    modified = modified_at(name)
    return Batch(id=name, kind=BatchKind.CHANGES, covers_from=EPOCH, covers_to=modified, started_at=modified, records=0)
