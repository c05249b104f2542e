"""Gold and lakehouses that publish, for the tests that share them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets_tests.publishing.gold_items import Gold
from medallion_assets_tests.publishing.house import House
from medallion_assets_tests.services.serving_tables import ServingTables


@pytest.fixture
def gold(serving: ServingTables, limiter: CapacityLimiter) -> Gold:
    """Gold, and the table that it publishes items to."""
    return Gold(serving, limiter)


@pytest.fixture
def house(client: Any, tmp_path: Path, limiter: CapacityLimiter) -> House:
    """A lakehouse, and a publisher of it."""
    return House(tmp_path / "one", client, limiter)


@pytest.fixture
def other(client: Any, tmp_path: Path, limiter: CapacityLimiter) -> House:
    """Another lakehouse, in the same account."""
    return House(tmp_path / "two", client, limiter, amount="99")
