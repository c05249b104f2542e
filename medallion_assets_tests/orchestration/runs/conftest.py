"""What the tests of runs share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medallion_assets_tests.orchestration.runs.launching import Launching, launching


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Launching]:
    """Runs that a launcher starts, in an instance of their own."""
    with launching(tmp_path) as runs:
        yield runs
