"""Long texts: what data made long, cut so that a person still learns what is wrong and what to do.

Belongs here: where a text or a list of names is cut, and which counts come first.
Does not: the texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MOST_CHARACTERS = 700
FIRST_CHARACTERS, LAST_CHARACTERS = 500, 1_500


def cut(text: str, longest: int) -> str:
    """A text of at most `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def first_line(error: BaseException) -> str:
    """The first line of what an error says; its type where it says nothing."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def short(text: str) -> str:
    """The beginning of a text that data may have made long; never what a person is to do, which may be long."""
    return cut(text, MOST_CHARACTERS)


def without_middle(error: str) -> str:
    """A whole error without its middle: it begins with what is wrong, and ends with what to do."""
    if len(error) <= FIRST_CHARACTERS + LAST_CHARACTERS:
        return error
    return f"{error[:FIRST_CHARACTERS]} … {error[-LAST_CHARACTERS:]}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first `most` names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def largest_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Names with their counts; of those that count the same, in the order of names."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
