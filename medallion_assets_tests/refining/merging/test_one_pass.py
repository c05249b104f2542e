"""One pass: how many rows of each day are held while all days are written, and when that is too many."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.extent import Extent
from medallion_assets.refining.merging.one_pass import MOST_HELD, held_of_each

DAY = date(2025, 3, 7)
BOUNDS = Bounds(group_rows=1_000_000, group_bytes=128_000_000)


@pytest.mark.parametrize(
    ("extents", "height"),
    [
        ([Extent(10, 5_000)], MOST_HELD),
        ([Extent(10_000_000, 3_000_000_000)], MOST_HELD),
        ([Extent(33_000, 33_000 * 300)] * 61, BOUNDS.held_of_day),
        ([Extent(20_000, 20_000 * 300)] * 128, None),
        ([Extent(1_200, 1_200 * 200)] * 500, MOST_HELD),
        ([Extent(1_200, 1_200 * 960)] * 500, None),
        ([Extent(400, 400 * 200)] * 3_000, None),
        ([Extent(5_000, 5_000 * 30)] * 129, MOST_HELD),
        ([Extent(25_000, 25_000 * 10)] * 129, None),
        ([Extent(100_000, 100_000 * 200), Extent(40, 40 * 400_000)], None),
        ([], None),
    ],
    ids=[
        "few rows",
        "one long day",
        "two months",
        "a third of a year, too long",
        "many short days",
        "many short days of wide rows",
        "more rows than a group",
        "more files than are open, of a row group each",
        "more files than are open, of several row groups",
        "long rows among short ones",
        "nothing",
    ],
)
def test_so_many_rows_of_each_day_are_held(extents: list[Extent], height: int | None) -> None:
    """By the rows and bytes of each day: an average of all days tells nothing of the longest."""
    days: dict[date | None, Extent] = {DAY + timedelta(days=number): extent for number, extent in enumerate(extents)}
    assert held_of_each(days, BOUNDS) == height
