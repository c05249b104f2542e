"""A place where exports land, for tests of loading them."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_assets_tests.refining.landing import Landing


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """Empty, on this disk."""
    return Landing(tmp_path)
