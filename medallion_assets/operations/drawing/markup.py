"""Markup: elements of HTML and SVG, whose texts and attributes are escaped whatever they hold.

Belongs here: making one element, and how numbers stand in it.
Does not: any picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

Content = str | Markup
ATTRIBUTE = Markup(' {}="{}"')
CODE = re.compile(r"`([^`\n]+)`")
"""What stands between backticks in a message: a command, a name, a value."""


def element(name: str, *children: Content, **attributes: str | float | None) -> Markup:
    """An element with its children: texts, which are escaped, and elements. An attribute that is None is left out.

    `_` in an attribute's name stands for `-`, and is dropped at its end: `class_`. Numbers keep two decimals.
    """
    given = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    opened = joined(ATTRIBUTE.format(key, value if isinstance(value, str) else number(value)) for key, value in given)
    # Safe: the name is our own, and everything else is escaped.
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), opened, joined(children))  # noqa: S704


def joined(parts: Iterable[Content]) -> Markup:
    """Elements and texts one after another; texts are escaped."""
    return Markup("").join(map(escape, parts))


def number(value: float) -> str:
    """A number with two decimals at most: a picture is the same wherever it is drawn."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """A share from 0 to 1 as SVG takes it for a place or a width."""
    return f"{number(share * 100)}%"


def breakable(name: str) -> Markup:
    """A name that a line may break after its dots and underscores, and nowhere else."""
    return Markup("<wbr>").join(filter(None, re.split(r"(?<=[._/@])", name)))


def with_code(text: str) -> Markup:
    """A message in which what stands between backticks is marked as code; a backtick without a partner stays."""
    parts = CODE.split(text)  # texts and code by turns
    return joined(element("code", part) if place % 2 else part for place, part in enumerate(parts))
