"""Loading the definitions anew when their code has changed, as the web server's button does.

Belongs here: when that is due, and asking for it. Does not: what runs are refused meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

import httpx

from medallion_assets.settings import Settings
from medallion_assets.settings.spark import PROJECT
from medallion_assets.storage.packages import changed_at, digest

LOOK_SECONDS = 1.0
RELOAD_SECONDS = 180.0
RELOAD = "mutation ($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }"
LOG = logging.getLogger(__name__)


class Stop(Protocol):
    """What a `threading.Event` is asked."""

    def wait(self, timeout: float) -> bool:
        """Wait so many seconds; whether it is over."""


def reload_when_changed(
    stop: Stop,
    loaded: object,
    *,
    written_at: Callable[[], float],
    code: Callable[[], object],
    reload: Callable[[], object],
) -> None:
    """Call `reload` once the `code` is another one than what was `loaded`, until `stop`, and again when it fails.

    It waits for a look at which nothing has been written since the last: somebody may save several files.
    """
    seen, is_settled = written_at(), False
    while not stop.wait(LOOK_SECONDS):
        try:
            if (latest := written_at()) != seen:
                seen, is_settled = latest, False
            elif not is_settled:
                if (found := code()) != loaded:
                    reload()
                    loaded = found
                is_settled = True
        except (OSError, httpx.HTTPError) as error:  # a file is just being replaced, or the web server does not answer
            LOG.warning("code has changed, and cannot be loaded yet: %s", error)


def code_of(settings: Settings) -> list[str]:
    """What differs when the code of the definitions changes."""
    return [*map(digest, _packages(settings))]


def follow_code(stop: Stop, settings: Settings, loaded: list[str], url: str, location: str) -> None:
    """Have the web server at `url` load a code location anew whenever the code of the definitions changes.

    `loaded` is what it was before the location began to load: what is saved meanwhile may be in it, or not.
    """
    packages = _packages(settings)
    reload_when_changed(
        stop,
        loaded,
        written_at=lambda: max(map(changed_at, packages)),
        code=lambda: code_of(settings),
        reload=lambda: _reload(url, location),
    )


def _packages(settings: Settings) -> tuple[str, ...]:
    return PROJECT, *settings.spark.packages


def _reload(url: str, location: str) -> None:
    LOG.warning("code has changed: loading the definitions anew")
    asked = httpx.post(
        f"{url}/graphql", json={"query": RELOAD, "variables": {"name": location}}, timeout=RELOAD_SECONDS
    )
    asked.raise_for_status()
