"""Cursors: what a sensor wrote down at its last tick, read back whatever has become of it meanwhile.

Belongs here: the one way to write and to read a cursor, which is a dataclass, as JSON. Anybody may have changed the
text: another release, or a person in the UI.
Does not: what a sensor makes of it; each reads an unreadable cursor as none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, PlainSerializer, TypeAdapter

Cursor = TypeVar("Cursor")

Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
Names = Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str])]
"""In order: equal cursors are equal texts."""
UNREADABLE = (ValueError, OverflowError, RecursionError)
"""What reading a text that is of another shape, or out of all bounds, raises."""
_adapter: Callable[[Any], TypeAdapter[Any]] = lru_cache(TypeAdapter)


def dump_cursor(cursor: object) -> str:
    """A cursor as text."""
    text: bytes = _adapter(type(cursor)).dump_json(cursor)
    return text.decode()


def load_cursor(kind: type[Cursor], text: str | None) -> Cursor | None:
    """The cursor that was dumped; None when it is lost, corrupt, or of another version."""
    try:
        read: Cursor = _adapter(kind).validate_json(text or "", strict=True)
    except UNREADABLE:
        return None
    return read
