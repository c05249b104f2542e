"""A sound lakehouse for tests that break it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets_tests.pipeline import (
    lakehouse_at,
)


@pytest.fixture
def lakehouse(sound: Path, tmp_path: Path) -> Lakehouse:
    """A copy of the sound lakehouse."""
    shutil.copytree(sound, tmp_path / "lakehouse")
    return lakehouse_at(tmp_path / "lakehouse")
