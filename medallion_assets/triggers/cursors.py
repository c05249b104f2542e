"""Cursors: what a sensor wrote down at its last tick, read back whatever has become of it meanwhile.

Belongs here: reading text and moments that anybody may have changed: another release, or a person in the UI.
Does not: what a sensor makes of them; each reads an unreadable cursor as none.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
"""What reading values that are of another shape, or out of all bounds, raises."""


def cursor_values(text: str | None) -> dict[str, Any]:
    """The values of a cursor; none when there is no cursor, or it is no JSON object."""
    try:
        values = json.loads(text or "{}")
    except UNREADABLE:
        return {}
    return values if isinstance(values, dict) else {}


def moment(value: str | None) -> datetime | None:
    """A moment that was written into a cursor.

    Raises:
        One of UNREADABLE: it is none, or has no time zone.
    """
    if value is None:
        return None
    read = datetime.fromisoformat(value)
    if read.tzinfo is None:
        raise ValueError(value)
    return read.astimezone(UTC)
