"""Long texts: what data made long, cut so that a person still learns what is wrong and what to do.

Belongs here: where a text is cut.
Does not: the texts.
"""

from __future__ import annotations

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
