"""Nearest: which name somebody meant who named what there is not.

Belongs here: finding it. Does not: which names there are, or what an error says of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """The one of some names that is most like one that there is not; None where none is."""
    return next(iter(get_close_matches(name, sorted(names), n=1)), None)
