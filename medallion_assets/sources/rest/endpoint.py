"""Endpoints: how an API is asked for what changed in a window of time.

Belongs here: the declaration, and what of an answer is records.
Does not: what leads to the next page, asking, or keeping answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.sources.rest.paging import ByCursor, ByLink, ByNumber, ByOffset, Pages, value_at
from medallion_assets.storage.sizes import MEBIBYTE

__all__ = ["ByCursor", "ByLink", "ByNumber", "ByOffset", "Endpoint"]

SHOWN_CHARACTERS = 200
"""So much of an answer an error shows."""
READ_CHARACTERS = 10_000
"""So much of it is searched for secrets first: they must not be cut before they are found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What of an API is asked, by GET.

    `records` is where in an answer the list of records stands, such as `data.items`; empty where the answer is one.
    A window is [from, to): `from_parameter` and `to_parameter` take its ends in ISO 8601. `parameters` are the same in
    every request. `secrets` are headers whose value is a secret: by header, the environment variable that holds it.
    The first window begins at `starts_at`, each further one `overlap` before the end of the last, for what the API
    shows late; none ends later than `lag` ago, and none is longer than `longest`. A page of more than
    `most_page_bytes`, unpacked, is refused: one is held in memory.
    """

    url: str
    records: str
    pages: Pages
    from_parameter: str
    to_parameter: str
    starts_at: datetime
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    overlap: timedelta = timedelta(0)
    lag: timedelta = timedelta(minutes=5)
    longest: timedelta = timedelta(days=1)
    most_page_bytes: int = 64 * MEBIBYTE

    def __post_init__(self) -> None:
        """Refuse what cannot be kept.

        Raises:
            PermanentError: a window that would not move on, or a first moment without a zone.
        """
        if self.starts_at.tzinfo is None or not timedelta(0) <= self.overlap < self.longest:
            raise PermanentError(
                f"{self.url} cannot be called as it is declared",
                expected="starts_at with a zone, and an overlap from 0 to under the longest window",
                found=f"starts_at {self.starts_at}, overlap {self.overlap}, longest {self.longest}",
                do="correct Endpoint(...), where the pipeline declares the table",
            )


def window_text(moment: datetime) -> str:
    """An end of a window as APIs read it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parsed(body: bytes) -> Any:
    """An answer, in which numbers are texts with all their digits; a byte order mark before it is left out.

    Raises:
        ValueError: it is no JSON in UTF-8, such as one that was cut off.
    """
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=str, parse_int=str)
    except RecursionError:
        raise ValueError("nested too deep to be read") from None


def records_of(answer: Any, path: str, *, shown: Callable[[str], str] = str) -> list[dict[str, Any]]:
    """The records of an answer; null where they should stand is none. `shown`: a text as an error may show it.

    Raises:
        TransientError: there is no list of objects there: an error page may come with any status.
    """
    parent, _, name = path.rpartition(".")
    holder = value_at(answer, parent) if parent else answer
    found = holder.get(name) if path and isinstance(holder, dict) else None if path else answer
    if found is None and isinstance(holder, dict) and name in holder:
        return []
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise TransientError(
            "an answer has no records",
            expected=f"a list of objects at {path or 'the top'}",
            found=shown(json.dumps(answer)[:READ_CHARACTERS])[:SHOWN_CHARACTERS],
            do="it is retried; if it persists, correct records in Endpoint(...)",
        )
    return found
