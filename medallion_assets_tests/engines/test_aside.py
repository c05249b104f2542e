"""Rows in files of a workspace, by the value of a column."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.engines.aside import Place, streamed_apart
from medallion_assets.engines.extent import Extent, extents
from medallion_assets.errors import PermanentError

DAYS = [date(2025, 3, 7) + timedelta(days=number) for number in range(3)]
ROWS = pl.DataFrame(
    {"number": range(300), "day": [DAYS[number % 2] for number in range(300)], "text": ["x" * 100] * 300}
)


@pytest.mark.parametrize(
    ("lengths", "is_cut"),
    [({}, False), ({"file_bytes": 1_000, "row_group_bytes": 1_000}, True)],
    ids=["files as they are", "tiny files and row groups"],
)
def test_each_value_gets_all_its_rows(tmp_path: Path, lengths: dict[str, int], is_cut: bool) -> None:
    """However many files they are in: a value gets another one when one is long enough, once a row group is full."""
    expected = {**extents(ROWS.lazy(), by="day"), DAYS[2]: Extent()}
    apart = streamed_apart(ROWS.lazy(), Place(str(tmp_path), **lengths), by="day", expected=expected)
    assert set(apart) == set(DAYS[:2])
    for day, rows in apart.items():
        assert rows.collect().sort("number").equals(ROWS.filter(pl.col("day") == day))
    assert (len(list(tmp_path.iterdir())) > 2) is is_cut


@pytest.mark.parametrize("day", [DAYS[0], DAYS[2]], ids=["a row less", "another day"])
def test_rows_that_are_not_those_expected_are_an_error(tmp_path: Path, day: date) -> None:
    measured = extents(ROWS.lazy(), by="day")
    expected = {**measured, day: Extent(measured.get(day, Extent()).rows + 1, 1)}
    rows = expected[day].rows
    with pytest.raises(PermanentError, match=f"expected: {rows} rows of {day}; found: {rows - 1} of {day}"):
        streamed_apart(ROWS.lazy(), Place(str(tmp_path)), by="day", expected=expected)


def test_row_groups_are_short_enough_for_the_longest_rows(tmp_path: Path) -> None:
    """Not for those of usual length: some of each value are held."""
    place = Place(str(tmp_path), row_group_bytes=100_000)
    rows = ROWS.with_columns(text=pl.when(pl.col("day") == DAYS[1]).then(pl.lit("y" * 10_000)).otherwise("text"))
    apart = streamed_apart(rows.lazy(), place, by="day", expected=extents(rows.lazy(), by="day"))
    batches = [batch.height for batch in apart[DAYS[1]].collect_batches(lazy=True, engine="streaming")]
    assert max(batches) <= 10
