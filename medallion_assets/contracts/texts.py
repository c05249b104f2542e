"""Texts: questions about a whole column of text.

Belongs here: looking for characters and forms in all texts at once, which takes a fraction of looking into each; the
    words for true and false.
Does not: what is done about a text that has them.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

BEYOND_ASCII = bytes(range(0x80, 0x100))
"""What any character beyond ASCII is made of in UTF-8."""

TRUE = ("true", "1", "t", "y", "yes")
FALSE = ("false", "0", "f", "n", "no")


def truths(texts: pl.Series, *, true: Sequence[str] = TRUE, false: Sequence[str] = FALSE) -> pl.Series:
    """True or false as each text says, whatever its case and the white space around it; null where it says neither."""
    words = dict.fromkeys(true, True) | dict.fromkeys(false, False)
    said = texts.str.strip_chars().str.to_lowercase()
    return said.replace_strict(words, default=None, return_dtype=pl.Boolean)


def any_has(texts: pl.Series, some: bytes) -> bool:
    """Whether any text has one of some bytes."""
    joined: bytes = texts.str.join("").cast(pl.Binary).item()
    return len(joined.translate(None, some)) < len(joined)


def all_match(texts: pl.Series, pattern: str, *, length: int) -> bool:
    """Whether every text that is there is `pattern`, which matches nothing but texts of so many bytes."""
    if not (texts.str.len_bytes() == length).all():
        return False
    return bool(texts.str.join("").str.contains(rf"\A(?:{pattern})*\z").item())
