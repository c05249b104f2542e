"""Charts over time: points, lines, steps and columns, as SVG that is as wide as its place.

Belongs here: drawing what is handed over; colours are classes of the page's stylesheet, places are shares of the width.
Does not: which facts are drawn, or their words.

Only the height is fixed. Widths are percentages, so that a picture fits a phone and a desk, and texts keep their size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from medallion_assets.operations.drawing.markup import Content, element, joined, percent
from medallion_assets.operations.drawing.scales import Scale, time_ticks

HEIGHT, ABOVE, BELOW = 190, 10, 22
AXIS = 58
"""Pixels: of the whole, above the highest value, below the axis; and the width of what stands left of it."""
CROSS = 4.5
MOST_LABELS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A mark at a moment. `look` is its class: a cross where it begins with `cross`, else a circle."""

    at: datetime
    value: float
    look: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through moments, ascending; `in_steps`: each value holds until the next."""

    places: Sequence[tuple[datetime, float]]
    look: str
    in_steps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartColumn:
    """A column; `label` stands below it where there is room, `text` is what it says by itself."""

    label: str
    value: float
    look: str
    text: str


def time_chart(
    since: datetime,
    until: datetime,
    scale: Scale,
    *,
    points: Sequence[Point] = (),
    lines: Sequence[Line] = (),
    written: Callable[[float], str],
) -> Markup:
    """Points and lines between two moments; `written` says a value at the axis."""
    span = (until - since).total_seconds() or 1.0

    def x(at: datetime) -> str:
        return percent(min(max((at - since).total_seconds() / span, 0), 1))

    ticks = [_label(x(at), text) for at, text in time_ticks(since, until)]
    drawn = [*(_line(line, x, scale) for line in lines), *(_point(point, x, scale) for point in points)]
    return _framed(scale, written, [*ticks, *drawn])


def column_chart(columns: Sequence[ChartColumn], scale: Scale, *, written: Callable[[float], str]) -> Markup:
    """Columns side by side, at most MOST_LABELS of them with a label below."""
    every = max(-(-len(columns) // MOST_LABELS), 1)
    width, drawn = 1 / max(len(columns), 1), list[Content]()
    for number, column in enumerate(columns):
        left, top, zero = number * width, _y(scale, column.value), _y(scale, 0)
        bar = element(
            "rect",
            element("title", column.text),
            x=percent(left + width * 0.12),
            width=percent(width * 0.76),
            y=min(top, zero),
            height=max(abs(zero - top), 1),
            class_=column.look,
        )
        drawn.append(bar)
        behind = len(columns) - 1 - number
        if behind % every == 0:
            drawn.append(_label(percent(left + width / 2), column.label, is_extra=behind // every % 2 == 1))
    return _framed(scale, written, drawn)


def _framed(scale: Scale, written: Callable[[float], str], drawn: Sequence[Content]) -> Markup:
    """The axis at the left, lines across at its ticks, and what is drawn over them."""
    values = scale.ticks()
    names = [element("text", written(value), x=AXIS - 8, y=_y(scale, value) + 4, class_="tick end") for value in values]
    across = [
        element("line", x1="0", x2="100%", y1=_y(scale, value), y2=_y(scale, value), class_="grid") for value in values
    ]
    axis = element("svg", *names, width=AXIS, height=HEIGHT, class_="axis")
    area = element("svg", *across, *drawn, width="100%", height=HEIGHT, class_="area")
    return element("div", axis, area, class_="plot")


def _y(scale: Scale, value: float) -> float:
    """Where a value stands, in pixels from the top."""
    return ABOVE + (1 - scale.share(value)) * (HEIGHT - ABOVE - BELOW)


def _label(x: str, text: str, *, is_extra: bool = False) -> Markup:
    """A text below the axis; what is extra is left out where there is little room."""
    return element("text", text, x=x, y=HEIGHT - 6, class_="tick middle extra" if is_extra else "tick middle")


def _point(point: Point, x: Callable[[datetime], str], scale: Scale) -> Markup:
    said, y = element("title", point.text), _y(scale, point.value)
    if not point.look.startswith("cross"):
        return element("circle", said, cx=x(point.at), cy=y, r=3.5, class_=point.look)
    strokes = [element("line", x1=-CROSS, y1=-CROSS * sign, x2=CROSS, y2=CROSS * sign) for sign in (1, -1)]
    touched = element("rect", x=-CROSS, y=-CROSS, width=2 * CROSS, height=2 * CROSS, class_="touched")
    inner = element("g", said, *strokes, touched)
    return element("svg", inner, x=x(point.at), y=y, overflow="visible", width=1, height=1, class_=point.look)


def _line(line: Line, x: Callable[[datetime], str], scale: Scale) -> Markup:
    """A line as its pieces: a path cannot be as wide as its place."""
    pieces = []
    for (from_at, from_value), (to_at, to_value) in zip(line.places, line.places[1:], strict=False):
        start, end = _y(scale, from_value), _y(scale, to_value)
        if line.in_steps:
            pieces.append(element("line", x1=x(from_at), y1=start, x2=x(to_at), y2=start))
            if start != end:
                pieces.append(element("line", x1=x(to_at), y1=start, x2=x(to_at), y2=end))
        else:
            pieces.append(element("line", x1=x(from_at), y1=start, x2=x(to_at), y2=end))
    return element("g", joined(pieces), class_=line.look)
