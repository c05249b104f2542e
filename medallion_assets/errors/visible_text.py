"""Visible text: what somebody else wrote, shown so that it does nothing to a terminal, a table or a page.

Belongs here: characters that command instead of showing. Needs nothing but Python.
Does not: values that are no text, or markup, which is never read from values.
"""

from __future__ import annotations

import re

DIRECTIONS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""They turn the order of what is around them, so that a line says something else than it holds."""
LINE_ENDS = (0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029)
"""What ends a line for Python beside the line feed."""
_SYMBOLS = {
    **dict.fromkeys((*range(0x80, 0xA0), *DIRECTIONS, *LINE_ENDS), "\N{REPLACEMENT CHARACTER}"),
    **{code: chr(0x2400 + code) for code in range(0x20) if code != ord("\n")},
    0x7F: "\N{SYMBOL FOR DELETE}",
}
_UNESCAPED = re.compile(f"[{''.join(chr(code) for code in _SYMBOLS if code > ord(' '))}]")


def is_text(value: str) -> bool:
    """Whether a value of the operating system is UTF-8: other bytes come as lone surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def visible(text: str) -> str:
    """The text with a symbol for each character that commands; line feeds stay."""
    return text.translate(_SYMBOLS)


def visible_json(document: str) -> str:
    """A JSON document that means the same, with escapes for those characters that JSON itself leaves as they are."""
    return _UNESCAPED.sub(lambda match: f"\\u{ord(match.group()):04x}", document)
