"""Bars within the rows of a table: shares of a whole, and ranges on a common scale.

Belongs here: one row's picture. The figures stand beside it as text, so it is hidden from those who hear the page.
Does not: the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from medallion_assets.operations.drawing.markup import Content, element, percent
from medallion_assets.operations.drawing.scales import Scale

HEIGHT = 14


def stacked_bar(parts: Sequence[tuple[str, float, str]], whole: float) -> Markup:
    """Parts one after another: class, value and what each says; `whole` is as wide as the place."""
    drawn, left = list[Content](), 0.0
    for look, value, text in parts:
        width = value / whole if whole > 0 else 0.0
        if width > 0:
            said = element("title", text)
            drawn.append(element("rect", said, x=percent(left), width=percent(width), y=0, height=HEIGHT, class_=look))
        left += width
    return _bar(drawn)


def range_bar(scale: Scale, *, lowest: float, middle: float, highest: float, last: float, look: str) -> Markup:
    """A line from the lowest value to the highest, a stroke at the middle one, and a point at the last one."""
    half = HEIGHT / 2
    x = {value: percent(scale.share(value)) for value in (lowest, middle, highest, last)}
    grid = [_stroke(percent(scale.share(tick)), 0, HEIGHT, "grid") for tick in scale.ticks()]
    return _bar(
        [
            *grid,
            element("line", x1=x[lowest], x2=x[highest], y1=half, y2=half, class_="range"),
            _stroke(x[middle], 2, HEIGHT - 2, "median"),
            element("circle", cx=x[last], cy=half, r=4, class_=look),
        ]
    )


def range_axis(scale: Scale, written: Sequence[tuple[float, str]]) -> Markup:
    """What the lines across all ranges mean."""
    names = [
        element("text", text, x=percent(scale.share(value)), y=11, class_="tick middle") for value, text in written
    ]
    return _bar(names)


def _bar(drawn: Sequence[Content]) -> Markup:
    return element("svg", *drawn, width="100%", height=HEIGHT, class_="bar", aria_hidden="true")


def _stroke(x: str, top: float, bottom: float, look: str) -> Markup:
    return element("line", x1=x, x2=x, y1=top, y2=bottom, class_=look)
