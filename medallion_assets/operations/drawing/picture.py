"""A picture: a drawing with its title, a line that says the same in short, its legend, and its figures as a table.

Belongs here: what every picture has, also for those who hear the page; keys of a legend.
Does not: any drawing, or where it stands in a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from medallion_assets.operations.drawing.markup import Content, element

MOST_ROWS = 60
KEY = 14
"""Pixels: a legend's key is so wide and high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of a picture. The first column names the row; the columns in `numbers` are set right."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Content, ...]]
    numbers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A line of a legend: the class of a mark, its shape, and what it means."""

    look: str
    shape: str
    text: str

    @property
    def drawn(self) -> Markup:
        """The mark alone."""
        half = KEY / 2
        match self.shape:
            case "line":
                line = element("line", x1=0, x2=KEY, y1=half, y2=half)
                mark = element("g", line, class_=self.look)
            case "box":
                mark = element("rect", x=1, y=2, width=KEY - 2, height=KEY - 4, class_=self.look)
            case "cross":
                strokes = [element("line", x1=3, y1=y, x2=KEY - 3, y2=KEY - y) for y in (3, KEY - 3)]
                mark = element("g", *strokes, class_=self.look)
            case "stroke":
                mark = element("line", x1=half, x2=half, y1=2, y2=KEY - 2, class_=self.look)
            case _:
                mark = element("circle", cx=half, cy=half, r=4, class_=self.look)
        return element("svg", mark, width=KEY, height=KEY, class_="key", aria_hidden="true")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """`drawing` is None where there is nothing to draw; `note` then says why. It may be the table of `figures` itself.

    Without a drawing, `figures` are shown as they are; beside one they are folded away.
    """

    title: Content
    note: str
    drawing: Markup | None = None
    legend: tuple[Key, ...] = ()
    figures: Figures | None = None
    is_wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Pictures about one question; `nothing` is said where there is none."""

    name: str
    title: str
    nothing: str
    pictures: Sequence[Picture]
    is_wide: bool = False
