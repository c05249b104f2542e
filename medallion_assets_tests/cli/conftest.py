"""A home on this machine, and a sound lakehouse in it, for tests of commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets_tests.pipeline import EXPORTED_TABLES, lakehouse_at


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MEDALLION_HOME, empty."""
    for name in ("MEDALLION_LAKEHOUSE_URL", "MEDALLION_RAW_URL", "MEDALLION_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEDALLION_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def lakehouse(home: Path, sound: Path) -> Lakehouse:
    """A sound lakehouse where the settings say; one row of it is in quarantine for its currency."""
    shutil.copytree(sound, home / "lakehouse")
    for table in EXPORTED_TABLES:  # from which the exports were removed on purpose
        (home / "raw-dynamodb-exports" / table.short_name).mkdir(parents=True)
    return lakehouse_at(home / "lakehouse")
