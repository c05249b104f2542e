"""Reach: what is derived reaches as far as the least of its sources, and a day is complete at its end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.operations.monitoring import Checkpoint
from medallion_assets.operations.reach import is_provisional, reaches
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets_tests.pipeline import CATALOG

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
"""Midnight of 2 March in Los Angeles."""
HOUR = timedelta(hours=1)


def checkpoint(stage: str, covered_until: datetime | None) -> Checkpoint:
    return Checkpoint(pipeline="p", stage=stage, covered_until=covered_until, told_by="log")


def test_what_is_derived_reaches_as_far_as_the_least_of_its_sources() -> None:
    found = reaches(
        CATALOG, [checkpoint("silver.customer_transactions", AT), checkpoint("silver.customers", AT - HOUR)]
    )
    assert found["silver.customer_transactions"] == AT
    for table in ("silver.enriched_transactions", "gold.customer_ltv", "serving.daily_sales_metrics"):
        assert found[table] == AT - HOUR


def test_one_source_that_does_not_say_it_makes_all_after_it_unknown() -> None:
    found = reaches(CATALOG, [checkpoint("silver.customers", AT)])
    assert found["gold.customer_ltv"] is None


def test_when_a_file_came_says_nothing_of_how_far_its_rows_reach() -> None:
    found = reaches(Catalog((STAR_SCHEMA,)), [checkpoint("silver.orders", AT), checkpoint("bronze.orders", AT)])
    assert set(found.values()) == {None}


@pytest.mark.parametrize(
    ("day", "covered_until", "provisional"),
    [
        (date(2026, 3, 1), AT, False),
        (date(2026, 3, 1), AT - timedelta(seconds=1), True),
        (date(2026, 3, 2), AT, True),
        (date(2026, 3, 1), None, None),
    ],
)
def test_a_day_is_provisional_until_data_reach_its_end(
    day: date, covered_until: datetime | None, provisional: bool | None
) -> None:
    assert is_provisional(day, covered_until) is provisional
