"""Paging: how one page of an API leads to the next.

Belongs here: the kinds of paging, as declared, and what asks for a page.
Does not: asking, or what of an answer is records.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medallion_assets.errors import PermanentError


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """What asks for a page: a parameter beside those of its window, or a link that says everything; else the first."""

    parameter: tuple[str, str] | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAnswer:
    """A page: its body as it came, what it says, and the link to the next one in its `Link` header.

    `dated` is when it was made, by the API's clock; None where it does not say. A cache keeps that, as it has to.
    """

    body: bytes
    said: Any
    link: str | None = None
    dated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ByCursor:
    """Pages that lead to each other: `path` is where in an answer the next cursor stands; the last page has none.

    `is_stable` as in `ByNumber`.
    """

    parameter: str
    path: str
    is_stable: bool = True

    @property
    def first_page(self) -> PageRequest:
        """What asks for the first page."""
        return PageRequest()

    def next_page(self, asked: PageRequest, answer: PageAnswer, records: int) -> PageRequest | None:
        """What asks for the page after one that was asked for and has so many records; None after the last."""
        del asked, records
        cursor = _text_at(answer.said, self.path)
        return PageRequest(parameter=(self.parameter, cursor)) if cursor else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLink:
    """Pages that name the URL of the next one: where in an answer `path` says, or in the header `Link` (rel="next").

    `is_stable` as in `ByNumber`.
    """

    path: str | None = None
    is_stable: bool = False

    @property
    def first_page(self) -> PageRequest:
        """What asks for the first page."""
        return PageRequest()

    def next_page(self, asked: PageRequest, answer: PageAnswer, records: int) -> PageRequest | None:
        """What asks for the page after one that was asked for and has so many records; None after the last."""
        del asked, records
        link = answer.link if self.path is None else _text_at(answer.said, self.path)
        return PageRequest(link=link) if link else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ByNumber:
    """Pages that are numbered from `first`; one without records is behind the last.

    A record that changes while pages are read leaves its window, those behind it move up, and one of them moves from
    a page that is not read yet to one that was. So a window is read until two readings agree, unless pages are
    declared as `is_stable`: what is on them does not move.
    """

    parameter: str = "page"
    first: int = 1
    is_stable: bool = False

    @property
    def first_page(self) -> PageRequest:
        """What asks for the first page."""
        return PageRequest(parameter=(self.parameter, str(self.first)))

    def next_page(self, asked: PageRequest, answer: PageAnswer, records: int) -> PageRequest | None:
        """What asks for the page after one that was asked for and has so many records; None after the last."""
        del answer
        return _counted_on(asked, 1) if records else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ByOffset:
    """Pages that begin at a count of records, which grows by as many as came: an API may give fewer than asked for.

    One without records is behind the last. `is_stable` as in `ByNumber`.
    """

    parameter: str = "offset"
    is_stable: bool = False

    @property
    def first_page(self) -> PageRequest:
        """What asks for the first page."""
        return PageRequest(parameter=(self.parameter, "0"))

    def next_page(self, asked: PageRequest, answer: PageAnswer, records: int) -> PageRequest | None:
        """What asks for the page after one that was asked for and has so many records; None after the last."""
        del answer
        return _counted_on(asked, records) if records else None


Pages = ByCursor | ByLink | ByNumber | ByOffset


def value_at(answer: Any, path: str) -> Any:
    """What stands in an answer where a path such as `data.items` leads; None where nothing does."""
    for name in path.split("."):
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def _counted_on(asked: PageRequest, by: int) -> PageRequest:
    assert asked.parameter is not None  # noqa: S101 - first_page gives one
    name, number = asked.parameter
    return PageRequest(parameter=(name, str(int(number) + by)))


def _text_at(answer: Any, path: str) -> str | None:
    """What leads on; APIs say null, nothing, "" or false where nothing does."""
    found = value_at(answer, path)
    if found is None or found is False or isinstance(found, str):
        return found or None
    raise PermanentError(
        "the next page that an answer names cannot be requested",
        expected=f"a text or a number at {path}",
        found=type(found).__name__,
        do="correct pages in Endpoint(...)",
    )
