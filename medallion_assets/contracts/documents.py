"""Documents: a dataclass as JSON, read back whatever has become of the text meanwhile.

Belongs here: the one way to write and to read what this project keeps for itself as JSON, and how a moment and a set of
names stand in it. Anybody may have changed the text: another release, or a person.
Does not: JSON of others, which each reads by its own rules; or what an unreadable text means.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, PlainSerializer, TypeAdapter, ValidationError

Document = TypeVar("Document")

Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
Names = Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str])]
"""In order: equal documents are equal texts."""
_adapter: Callable[[Any], TypeAdapter[Any]] = lru_cache(TypeAdapter)


class UnreadableDocumentError(ValueError):
    """A text is no such document: lost, corrupt, or of another version."""


def to_json(document: object, *, kind: Any = None, indent: int | None = None) -> str:
    """A document as text; of a `kind` that its type does not say, such as `dict[str, Version]`."""
    text: bytes = _adapter(kind or type(document)).dump_json(document, indent=indent)
    return text.decode()


def from_json(kind: type[Document], text: str | bytes | None) -> Document:
    """The document that a text is; members that it has no name for are passed over.

    Raises:
        UnreadableDocumentError: it is none of this kind, or None.
    """
    try:
        read: Document = _adapter(kind).validate_json(text or "", strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UnreadableDocumentError(": ".join([*map(str, first["loc"]), first["msg"]])) from error
    except (ValueError, OverflowError, RecursionError) as error:  # out of all bounds
        raise UnreadableDocumentError(str(error)) from error
    return read


def from_json_or_none(kind: type[Document], text: str | bytes | None) -> Document | None:
    """The document that a text is; None when it is none."""
    try:
        return from_json(kind, text)
    except UnreadableDocumentError:
        return None
