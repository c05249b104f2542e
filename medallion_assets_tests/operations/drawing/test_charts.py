"""Charts: every mark is a value that was handed over, at its place, and says what it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from medallion_assets.operations.drawing.bars import range_bar, stacked_bar
from medallion_assets.operations.drawing.charts import (
    ABOVE,
    BELOW,
    HEIGHT,
    ChartColumn,
    Line,
    Point,
    column_chart,
    time_chart,
)
from medallion_assets.operations.drawing.scales import Scale

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TENS = Scale(low=0, high=10)
BOTTOM = HEIGHT - BELOW


def places(svg: str, mark: str, *names: str) -> list[tuple[str, ...]]:
    """Attributes of each such mark, of those that have them all."""
    found = [dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall(rf"<{mark}[^>]*>", svg)]
    return [tuple(tag[name] for name in names) for tag in found if all(name in tag for name in names)]


def test_points_stand_at_their_moment_and_value() -> None:
    points = [
        Point(at=NOON + 1 * HOUR, value=10, look="one", text="ten"),
        Point(at=NOON + 2 * HOUR, value=0, look="cross red", text="none"),
    ]
    drawn = time_chart(NOON, NOON + 4 * HOUR, TENS, points=points, written=str)
    assert places(drawn, "circle", "cx", "cy", "class") == [("25%", str(ABOVE), "one")]
    assert ("50%", str(BOTTOM), "cross red") in places(drawn, "svg", "x", "y", "class")
    assert "<title>ten</title>" in drawn
    assert "<title>none</title>" in drawn


def test_a_budget_holds_until_the_next_one() -> None:
    """Steps: along, then down; no slope says that anything between the two was in force."""
    line = Line(places=[(NOON, 10), (NOON + 2 * HOUR, 0), (NOON + 4 * HOUR, 0)], look="limit", in_steps=True)
    drawn = time_chart(NOON, NOON + 4 * HOUR, TENS, lines=[line], written=str)
    pieces = re.search('<g class="limit">(.*?)</g>', str(drawn))
    assert pieces is not None
    assert places(pieces[1], "line", "x1", "y1", "x2", "y2") == [
        ("0%", str(ABOVE), "50%", str(ABOVE)),
        ("50%", str(ABOVE), "50%", str(BOTTOM)),
        ("50%", str(BOTTOM), "100%", str(BOTTOM)),
    ]


def test_a_moment_outside_of_the_chart_is_drawn_at_its_edge() -> None:
    point = Point(at=NOON - HOUR, value=5, look="one", text="")
    assert places(time_chart(NOON, NOON + HOUR, TENS, points=[point], written=str), "circle", "cx") == [("0%",)]


def test_columns_stand_on_zero_also_below_it() -> None:
    columns = [
        ChartColumn(label="a", value=5, look="one", text=""),
        ChartColumn(label="b", value=-5, look="hollow", text=""),
    ]
    drawn = column_chart(columns, Scale(low=-10, high=10), written=str)
    (up, up_height, _), (down, down_height, _) = places(drawn, "rect", "y", "height", "class")
    zero = (ABOVE + BOTTOM) / 2
    assert (float(up) + float(up_height), float(down)) == (zero, zero)
    assert up_height == down_height


@pytest.mark.parametrize("count", [1, 7, 31])
def test_labels_of_columns_do_not_crowd_and_the_last_has_one(count: int) -> None:
    columns = [ChartColumn(label=f"d{number}", value=1, look="one", text="") for number in range(count)]
    labels = re.findall(r">(d\d+)<", str(column_chart(columns, TENS, written=str)))
    assert len(labels) <= 6
    assert labels[-1] == f"d{count - 1}"


def test_parts_of_a_bar_follow_each_other() -> None:
    bar = stacked_bar([("red", 1, "a"), ("none", 0, "b"), ("orange", 3, "c")], 8)
    assert places(bar, "rect", "x", "width", "class") == [("0%", "12.5%", "red"), ("12.5%", "37.5%", "orange")]
    assert "<rect" not in stacked_bar([("red", 0, "")], 0)


def test_a_range_shows_its_ends_its_middle_and_its_last() -> None:
    bar = range_bar(TENS, lowest=1, middle=2, highest=8, last=9, look="red")
    assert ("10%", "80%", "range") in places(bar, "line", "x1", "x2", "class")
    assert ("20%", "20%", "median") in places(bar, "line", "x1", "x2", "class")
    assert places(bar, "circle", "cx", "class") == [("90%", "red")]
