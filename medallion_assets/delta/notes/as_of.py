"""As of: the version that a table had at a moment.

Belongs here: finding it by what the commits themselves say of when they were made.
Does not: reading it.

The times of files in a log tell something else once the lakehouse was copied or restored.
"""

from __future__ import annotations

from datetime import UTC, datetime

from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.table import Snapshot

FIRST_LOOK = 32
"""So many commits are looked at first, and then ever more."""


def version_as_of(snapshot: Snapshot, moment: datetime) -> int | None:
    """The last version, up to the snapshot's, that was committed at `moment` or before; None when none was."""
    looked_at = FIRST_LOOK
    while True:
        from_version = max(snapshot.version - looked_at, -1)
        for commit in commits_since(snapshot, from_version):
            if datetime.fromtimestamp(commit["timestamp"] / 1000, UTC) <= moment:
                return int(commit["version"])
        if from_version < 0:
            return None
        looked_at *= 4
