"""Fetching: a source of which this project itself brings the batches to a table's raw place, as from an API.

Belongs here: what such a source can do beside what each source can.
Does not: the sources, or loading what they have brought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from obstore.store import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A batch that counts now, by its id: it reaches until a moment, and was asked for in so many pages."""

    id: str
    reaches_until: datetime
    pages: int
    records: int
    bytes: int


@runtime_checkable
class FetchingSource(Protocol):
    """A source that fetches its batches; whatever has these two members is one."""

    @property
    def fetched_at(self) -> tuple[str, ...]:
        """Cron lines, in the time zone of the settings' schedules; none where something else fetches."""
        ...

    def fetch(
        self,
        place: Callable[[], ObjectStore],
        environment: Mapping[str, str],
        now: datetime,
        report: Callable[[str], object],
    ) -> Iterator[Fetched]:
        """Bring what there is up to now, and give each batch once it counts. `environment` holds its secrets.

        `place` opens the table's raw place, and makes its folder where there is none: once the source is sure to ask.
        `report` is called with why, before something is asked for again.

        Raises:
            PermanentError: a secret is not set, or what is asked refuses.
            TransientError: it did not answer; what was fetched whole stays.
        """
        ...
