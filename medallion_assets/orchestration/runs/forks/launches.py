"""How the last runs of a home came by their processes: forked, or started and why. Health asks for it.

Belongs here: the one file that says so, below $DAGSTER_HOME. Does not: forking, what a single run is told.

Only who launches runs knows: a fork server that forks for whoever looks may refuse every run, as their environment is
another.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import get_native_id

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.orchestration.runs.forks.messages import NAME as SOCKET

NAME = "fork-launches.json"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Launches:
    """The last runs that were all forked, or all started: how many, why the last was started, and when (UNIX seconds).

    `refusal` is empty where they were forked.
    """

    runs: int
    refusal: str
    at: float

    def __str__(self) -> str:
        last_at = datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"the last {self.runs} runs were started, not forked; the last one at {last_at}: {self.refusal}"


def keep(home: Path, refusal: str, now: float) -> None:
    """Write down how a run was launched. Nothing may fail here: it is only told."""
    before = last(home)
    goes_on = before is not None and bool(before.refusal) == bool(refusal)
    found = Launches(runs=before.runs + 1 if before and goes_on else 1, refusal=refusal, at=now)
    new = home / f"{NAME}.{get_native_id()}"
    try:
        new.write_text(to_json(found))
        new.replace(home / NAME)
    except OSError as error:
        LOG.warning("how a run was launched cannot be written down: %s", error)


def last(home: Path) -> Launches | None:
    """How the last runs were launched; None where nobody knows."""
    try:
        return from_json_or_none(Launches, (home / NAME).read_bytes())
    except OSError:
        return None


def refused(home: Path) -> Launches | None:
    """Runs in a row that were refused since the fork server has listened; None for one alone, as after a change."""
    found = last(home)
    if found is None or not found.refusal or found.runs == 1:
        return None
    return found if found.at > (home / SOCKET).stat().st_mtime else None
