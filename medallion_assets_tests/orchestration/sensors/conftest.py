"""Sensors over an empty lakehouse, for the tests that share them."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.settings import load_settings
from medallion_assets_tests.orchestration.sensors.restated_days import Follower


@pytest.fixture
def follower(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> Follower:
    """Sensors over an empty lakehouse, with a Dagster of their own."""
    return Follower(load_settings({"MEDALLION_HOME": str(tmp_path)}), dagster_instance)
