"""Counted: how many there are of something, in words.

Belongs here: one of it, and several.
Does not: what is counted.
"""

from __future__ import annotations


def number_of(count: int, word: str) -> str:
    """How many there are of something: `1 export`, `2,000 exports`, `0 batches`."""
    several = f"{word}es" if word.endswith("ch") else f"{word}s"
    return f"1 {word}" if count == 1 else f"{count:,} {several}"
