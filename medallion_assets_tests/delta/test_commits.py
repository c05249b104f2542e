"""Who loses a race reads, decides and commits again, a bounded number of times."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medallion_assets.delta.commits import COMMIT_ATTEMPTS, until_committed
from medallion_assets.errors import CommitConflictError, TransientError


def raising(errors: list[Exception]) -> tuple[list[int], Callable[[], str]]:
    attempts: list[int] = []

    def build() -> str:
        attempts.append(1)
        if errors:
            raise errors.pop()
        return "built"

    return attempts, build


def test_a_build_that_lost_is_made_again() -> None:
    attempts, build = raising([CommitConflictError("another was faster")] * 2)
    assert until_committed(build) == "built"
    assert len(attempts) == 3


def test_a_build_that_always_loses_is_given_up() -> None:
    attempts, build = raising([CommitConflictError("another was faster")] * 99)
    with pytest.raises(CommitConflictError):
        until_committed(build)
    assert len(attempts) == COMMIT_ATTEMPTS


def test_what_failed_for_another_reason_is_not_repeated() -> None:
    attempts, build = raising([TransientError("no answer")])
    with pytest.raises(TransientError):
        until_committed(build)
    assert len(attempts) == 1
