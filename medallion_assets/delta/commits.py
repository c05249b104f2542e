"""Losing a race: what reads, decides and commits on one snapshot does all of it again when another writer was faster.

Belongs here: such repetitions, and their bound.
Does not: repeating what failed for another reason (a stage's own retries), or the commit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from medallion_assets.delta.table import Snapshot
from medallion_assets.errors import CommitConflictError

COMMIT_ATTEMPTS = 8
"""Nobody waits in between: who lost has a later version to read, and somebody else has made progress."""

Result = TypeVar("Result")


def until_committed(build: Callable[[], Result]) -> Result:
    """Run what reads, decides and commits, and run it again while other writers are faster.

    Raises:
        CommitConflictError: they were, every time.
    """
    for _ in range(COMMIT_ATTEMPTS - 1):
        try:
            return build()
        except CommitConflictError:
            continue
    return build()


def commit_while(base: Snapshot, commit: Callable[[Snapshot], int], still_fits: Callable[[Snapshot], bool]) -> int:
    """Commit what was made on `base`, and while other writers are faster on what they made, if it still fits there.

    Raises:
        CommitConflictError: it does not, or they were faster every time.
    """
    for _ in range(COMMIT_ATTEMPTS - 1):
        try:
            return commit(base)
        except CommitConflictError:
            base = base.lakehouse.open(base.table)
            if not still_fits(base):
                raise
    return commit(base)
