"""Channels: where alerts go, as the settings say, and which alerts each is to have.

Belongs here: a channel for each URL of a kind, a table or a job.
Does not: sending, or what a channel has already.

A URL that is named several times gets an alert once: through the first of its channels that is to have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.settings import Settings
from medallion_assets.settings.alerts import RECIPIENTS, WARNINGS_OF_THEIR_OWN

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,19})://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A URL (a secret) that alerts go to: of `kinds`, or else all about `subject`, the name of a table or job.

    `listed` is the kind or name under which the settings list it, `place` which URL of that list it is, from 0.
    `before` are channels with the same URL that come first.
    """

    listed: str
    place: int
    url: str = field(repr=False)
    kinds: frozenset[str] = frozenset()
    before: tuple[Channel, ...] = field(default=(), repr=False)

    @property
    def variable(self) -> str:
        """The variable of the settings that holds it."""
        return f"MEDALLION_ALERTS_{self.listed.upper()}" if self.kinds else f"{RECIPIENTS} ({self.listed})"

    @property
    def name(self) -> str:
        """Its list, position from 0, and scheme: `failure[0] mailto`."""
        return f"{self.listed}[{self.place}] {scheme(self.url)}"

    def takes(self, alert: Alert) -> bool:
        """Whether it is to have an alert."""
        return self.is_meant(alert) and not any(channel.is_meant(alert) for channel in self.before)

    def is_meant(self, alert: Alert) -> bool:
        """Whether the list that it stands in is about an alert."""
        return alert.kind in self.kinds if self.kinds else self.listed in (alert.table, alert.job)


def channels_of(settings: Settings) -> list[Channel]:
    """The channels of the settings: by kind, then by table or job, each in their order."""
    channels: list[Channel] = []
    for listed, kinds, urls in _lists(settings):
        for place, url in enumerate(urls):
            before = tuple(channel for channel in channels if channel.url == url)
            channels.append(Channel(listed=listed, place=place, url=url, kinds=kinds, before=before))
    return channels


def scheme(url: str) -> str:
    """The scheme of a URL, which is no secret; `?` where it has none."""
    found = SCHEME.match(url)
    return found[1].lower() if found else "?"


def _lists(settings: Settings) -> Iterator[tuple[str, frozenset[str], tuple[str, ...]]]:
    unnamed = {kind for kind in WARNINGS_OF_THEIR_OWN if not settings.alert_urls.get(kind)}
    for kind, urls in settings.alert_urls.items():
        yield kind, frozenset({kind, *(unnamed if kind == "warning" else ())}), urls
    for name, urls in settings.alert_recipients.items():
        yield name, frozenset(), urls
