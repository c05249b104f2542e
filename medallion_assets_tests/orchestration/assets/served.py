"""The days of Gold that tests of serving publish, and what readers find of them."""

from __future__ import annotations

from datetime import date, timedelta

from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.publishing.reader import read_day
from medallion_assets_tests.graph import SERVING, STORY_DAYS, Graph

SALES, LTV = SERVING
LAST = STORY_DAYS[1] - timedelta(days=1)
DAYS = [LAST - timedelta(days=1), LAST]


def days_read(graph: Graph) -> dict[date, int]:
    """How many rows readers find of each day."""
    return {day: len(read_day(graph.dynamodb, SALES_METRICS.table.short_name, day)) for day in DAYS}
