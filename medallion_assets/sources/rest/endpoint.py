"""Endpoints: how an API is asked for what changed in a window of time.

Belongs here: the declaration, and what of an answer is records and what leads to the next page.
Does not: asking (sources.rest.requests), or keeping answers (sources.rest.landing).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from medallion_assets.errors import PermanentError, TransientError


@dataclass(frozen=True, slots=True, kw_only=True)
class ByCursor:
    """Pages that lead to each other: `path` is where in an answer the next cursor stands; the last page has none."""

    parameter: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByNumber:
    """Pages that are numbered from `first`; one without records is behind the last."""

    parameter: str = "page"
    first: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What of an API is asked, by GET.

    `records` is where in an answer the list of records stands, such as `data.items`; empty where the answer is one.
    A window is [from, to): `from_parameter` and `to_parameter` take its ends in ISO 8601. `parameters` are the same in
    every request. `secrets` are headers whose value is a secret: by header, the environment variable that holds it.
    The first window begins at `starts_at`, each further one `overlap` before the end of the last, for what the API
    shows late; none ends later than `lag` ago, and none is longer than `longest`.
    """

    url: str
    records: str
    pages: ByCursor | ByNumber
    from_parameter: str
    to_parameter: str
    starts_at: datetime
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    overlap: timedelta = timedelta(0)
    lag: timedelta = timedelta(minutes=5)
    longest: timedelta = timedelta(days=1)

    def __post_init__(self) -> None:
        """Refuse what cannot be kept.

        Raises:
            PermanentError: a window that would not move on, or a first moment without a zone.
        """
        if self.starts_at.tzinfo is None or not timedelta(0) <= self.overlap < self.longest:
            raise PermanentError(
                f"{self.url} cannot be asked as it is declared",
                expected="starts_at with a zone, and an overlap from 0 to under the longest window",
                found=f"starts_at {self.starts_at}, overlap {self.overlap}, longest {self.longest}",
                do="correct Endpoint(...), where the pipeline declares the table",
            )

    def first_page(self) -> dict[str, str]:
        """The parameters that ask for the first page."""
        return {self.pages.parameter: str(self.pages.first)} if isinstance(self.pages, ByNumber) else {}

    def next_page(self, asked: Mapping[str, str], answer: Any) -> dict[str, str] | None:
        """The parameters that ask for the page after one, which was asked for by others; None after the last."""
        if isinstance(self.pages, ByNumber):
            number = int(asked[self.pages.parameter])
            return {self.pages.parameter: str(number + 1)} if records_of(answer, self.records) else None
        cursor = _at(answer, self.pages.path)
        return {self.pages.parameter: str(cursor)} if cursor not in (None, "") else None


def window_text(moment: datetime) -> str:
    """An end of a window as APIs read it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parsed(body: bytes) -> Any:
    """An answer, in which numbers are texts with all their digits.

    Raises:
        ValueError: it is no JSON in UTF-8, such as one that was cut off.
    """
    return json.loads(body.decode("utf-8"), parse_float=str, parse_int=str)


def records_of(answer: Any, path: str) -> list[dict[str, Any]]:
    """The records of an answer.

    Raises:
        TransientError: there is no list of objects there: an error page may come with any status.
    """
    found = _at(answer, path) if path else answer
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise TransientError(
            "an answer has no records",
            expected=f"a list of objects at {path or 'the top'}",
            found=json.dumps(answer)[:200],
            do="it is asked again; if it stays, correct records in Endpoint(...)",
        )
    return found


def _at(answer: Any, path: str) -> Any:
    for name in path.split("."):
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer
