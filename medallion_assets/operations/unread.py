"""What could not be read: whoever reads much leaves it out, and hands it on to those who tell people.

Belongs here: what is said of it. Does not: reading, or what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Something that could not be read, and why."""

    what: str
    error: str
