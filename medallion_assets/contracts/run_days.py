"""Days of a run: which business days its tags name.

Belongs here: the one way in which days are written into tags and into rows, and read back.
Does not: which days a run may be about, or which are asked for (triggers).

Dagster's own tags name one day, or a range of days. A run of scattered days names them in a tag of ours: a range would
hold days that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

DAY = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
SCATTERED_DAYS = "medallion/days"
"""Days and ranges with commas between them: `2025-01-03, 2025-02-10...2025-02-12`."""

DayRange = tuple[date, date]
"""First and last day."""
EVERY_DAY: DayRange = (date.min, date.max)


def parse_day(text: str) -> date:
    """The day that is written as YYYY-MM-DD.

    Raises:
        ValueError: it is none, or is written in another way.
    """
    day = date.fromisoformat(text)
    if str(day) != text:  # fromisoformat knows 20250201 and 2025-W05-6 as well
        raise ValueError(f"{text!r} is not written as YYYY-MM-DD")
    return day


def partition_day(partition: str | None) -> date | None:
    """The day of a partition in Dagster's event log; None for what anybody may have reported there that is no day."""
    try:
        return None if partition is None else parse_day(partition)
    except ValueError:
        return None


def parse_days(text: str) -> list[DayRange]:
    """The ranges of `2025-01-03, 2025-02-10...2025-02-12`, in the order in which they stand.

    Raises:
        ValueError: it is written in another way, or a range ends before it begins.
    """
    ranges = []
    for part in text.split(","):
        first, _, last = part.strip().partition("...")
        begin = parse_day(first)
        end = parse_day(last) if last else begin
        if end < begin:
            raise ValueError(f"{part.strip()!r} ends before it begins")
        ranges.append((begin, end))
    return ranges


def days_text(ranges: Iterable[DayRange]) -> str:
    """Ranges as text, for `parse_days`."""
    return ", ".join(str(first) if first == last else f"{first}...{last}" for first, last in ranges)


def days_in(ranges: Iterable[DayRange]) -> list[date]:
    """The days of some ranges, ascending, each once."""
    return sorted(
        {first + timedelta(days=number) for first, last in ranges for number in range((last - first).days + 1)}
    )


def contiguous(days: Iterable[date]) -> list[list[date]]:
    """Days in groups without a gap, ascending."""
    groups: list[list[date]] = []
    for day in sorted(days):
        if groups and groups[-1][-1] == day - timedelta(days=1):
            groups[-1].append(day)
        else:
            groups.append([day])
    return groups


def ranges_of(days: Iterable[date]) -> list[DayRange]:
    """Days as ranges without a gap, ascending."""
    return [(group[0], group[-1]) for group in contiguous(days)]


def day_tags(ranges: list[DayRange]) -> dict[str, str]:
    """The tags of a run of some days; one range is one of Dagster's own.

    Dagster starts no step of a partitioned asset in a run that is of no partition: a run of scattered days is one of
    their last day to it.
    """
    first, last = ranges[0] if len(ranges) == 1 else (ranges[-1][1], ranges[-1][1])
    scattered = {} if len(ranges) == 1 else {SCATTERED_DAYS: days_text(ranges)}
    return {RANGE_START: str(first), RANGE_END: str(last), **scattered}


def partition_named(tags: Mapping[str, str]) -> str | None:
    """The partition or partitions of Dagster's that tags name, as they stand there; None when they name none."""
    first = tags.get(RANGE_START, tags.get(DAY))
    last = tags.get(RANGE_END, first)
    if first is None and last is None:
        return None
    return first if first == last else f"{first or ''}...{last or ''}"


def days_named(tags: Mapping[str, str]) -> str | None:
    """The days that tags name, as they stand there, whatever they are; None when they name none."""
    return tags.get(SCATTERED_DAYS, partition_named(tags))


def ranges_at_work(tags: Mapping[str, str]) -> list[DayRange]:
    """The days that a run may be at work on. One whose days cannot be read may be at work on any."""
    try:
        return parse_days(days_named(tags) or "")
    except ValueError:
        return [EVERY_DAY]
