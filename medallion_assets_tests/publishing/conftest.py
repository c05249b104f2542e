"""Gold that publishes items, for the tests that share it."""

from __future__ import annotations

import pytest

from medallion_assets.publishing.limiter import CapacityLimiter
from medallion_assets_tests.publishing.gold_items import Gold
from medallion_assets_tests.services.serving_tables import ServingTables


@pytest.fixture
def gold(serving: ServingTables, limiter: CapacityLimiter) -> Gold:
    """Gold, and the table that it publishes items to."""
    return Gold(serving, limiter)
