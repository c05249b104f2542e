"""Marks: which alerts were sent without the outbox, while the lakehouse took no writes.

Belongs here: keeping in Dagster's own storage that a channel has an alert.
Does not: sending, or the outbox, which keeps that itself as soon as it can be written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

PREFIX = "medallion/alert_sent/"
RESTS = "\n"
"""No alert's key: under it stands until when a channel is left alone."""
REST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks in a Dagster instance's storage (`instance.run_storage`)."""

    storage: Any

    def of(self, channel: str, keys: Collection[str]) -> set[str]:
        """Those of some alerts, by key, that a channel was sent without the outbox."""
        names = {_name(channel, key): key for key in keys}
        return {names[name] for name in self.storage.get_cursor_values(set(names))} if names else set()

    def note(self, channel: str, key: str, now: datetime) -> None:
        """Keep that a channel has an alert."""
        self.storage.set_cursor_values({_name(channel, key): now.isoformat()})

    def rests(self, channel: str, now: datetime) -> bool:
        """Whether a channel failed a moment ago: asking it again at once would cost seconds that others wait for."""
        name = _name(channel, RESTS)
        try:
            until = datetime.fromisoformat(self.storage.get_cursor_values({name})[name])
            return now < until <= now + REST
        except (KeyError, TypeError, ValueError):  # it never failed, or the mark is another's
            return False

    def rest(self, channel: str, now: datetime) -> None:
        """Keep that a channel failed just now."""
        self.storage.set_cursor_values({_name(channel, RESTS): (now + REST).isoformat()})


def _name(channel: str, key: str) -> str:
    return PREFIX + hashlib.blake2b(f"{channel}\n{key}".encode(), digest_size=16).hexdigest()
