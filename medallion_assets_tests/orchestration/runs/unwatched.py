"""The launcher for tests that watch runs themselves.

Belongs here: what Dagster loads by name. Does not: instances with it (launching.py).
"""

from __future__ import annotations

from medallion_assets.orchestration.runs.launcher import WatchedRunLauncher


class UnwatchedRunLauncher(WatchedRunLauncher):
    """Nobody watches what it launches, or settles what becomes of it."""

    def watch(self) -> None:
        """Leave it to the test."""
