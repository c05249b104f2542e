"""Texts: questions about a whole column of text that hardly any of its texts answers with yes.

Belongs here: looking for characters and forms in all texts at once, which takes a fraction of looking into each.
Does not: what is done about a text that has them.
"""

from __future__ import annotations

import polars as pl

BEYOND_ASCII = bytes(range(0x80, 0x100))
"""What any character beyond ASCII is made of in UTF-8."""


def any_has(texts: pl.Series, some: bytes) -> bool:
    """Whether any text has one of some bytes."""
    joined: bytes = texts.str.join("").cast(pl.Binary).item()
    return len(joined.translate(None, some)) < len(joined)


def all_match(texts: pl.Series, pattern: str, *, length: int) -> bool:
    """Whether every text that is there is `pattern`, which matches nothing but texts of so many bytes."""
    if not (texts.str.len_bytes() == length).all():
        return False
    return bool(texts.str.join("").str.contains(rf"\A(?:{pattern})*\z").item())
