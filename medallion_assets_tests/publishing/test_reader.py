"""Readers see whole days, and customers as of their own clock (rules P1, P2, G3)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from medallion_assets.errors import TransientError, kind_of
from medallion_assets.pipelines.transactions.customer_ltv import clock_figures
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.days.day_publisher import publish_day, row_key
from medallion_assets.publishing.items.item_publisher import publish_items
from medallion_assets.publishing.reader import read_day
from medallion_assets_tests.pipeline import read_ltv
from medallion_assets_tests.publishing.faults import InterleavedClient
from medallion_assets_tests.publishing.under_way import under_way
from medallion_assets_tests.services.serving_tables import ServingTables

DAY = date(2025, 3, 4)


def publish(serving: ServingTables, limiter: CapacityLimiter, version: int) -> None:
    publish_day(
        under_way(BudgetedTable(serving.client, serving.days, limiter), version),
        DAY,
        [{"region": region, "units_sold": version} for region in ("east", "west")],
        key_columns=("region",),
    )


def forget(serving: ServingTables, version: int) -> None:
    """What TTL does to superseded rows in the end."""
    for region in ("east", "west"):
        key = {"metric_date": {"S": str(DAY)}, "row_key": {"S": row_key(version, [region])}}
        serving.client.delete_item(TableName=serving.days, Key=key)


def test_a_day_that_was_never_published_is_empty(serving: ServingTables) -> None:
    assert read_day(serving.client, serving.days, DAY) == []


def test_rows_that_expired_between_pointer_and_rows_make_the_reader_look_again(
    serving: ServingTables, limiter: CapacityLimiter
) -> None:
    """Rule P1, on a miss."""
    publish(serving, limiter, 1)

    def meanwhile() -> None:
        publish(serving, limiter, 2)
        forget(serving, 1)

    reader = InterleavedClient(serving.client, at=1, meanwhile=meanwhile)
    assert [row["units_sold"] for row in read_day(reader, serving.days, DAY)] == [2, 2]


def test_rows_that_stay_away_are_an_error_and_not_a_smaller_day(
    serving: ServingTables, limiter: CapacityLimiter
) -> None:
    publish(serving, limiter, 1)
    forget(serving, 1)
    with pytest.raises(TransientError, match="expected: 2 rows of 2025-03-04; found: 0 rows") as error:
        read_day(serving.client, serving.days, DAY)
    assert "2025" not in kind_of(error.value), "each day is the same cause"


def test_a_day_larger_than_a_page_is_read_whole(serving: ServingTables, limiter: CapacityLimiter) -> None:
    """1.5 MB: a query answers at most 1 MB at a time."""
    rows: list[dict[str, Any]] = [{"region": f"r{i}", "note": "x" * 50_000} for i in range(30)]
    told: list[int] = []
    publish_day(
        under_way(BudgetedTable(serving.client, serving.days, limiter), 1, progress=told.append),
        DAY,
        rows,
        key_columns=("region",),
    )
    assert len(read_day(serving.client, serving.days, DAY)) == told[-1] == 30


def test_a_customer_is_read_with_what_only_the_clock_changes(serving: ServingTables, limiter: CapacityLimiter) -> None:
    row: dict[str, object] = {
        "customer_id": "ann",
        "first_order_date": date(2025, 1, 1),
        "last_order_date": date(2025, 3, 1),
        "order_count": 7,
        "lifetime_value": Decimal("70.5000"),
        "average_order_value": Decimal("10.0714"),
        "recency_score": 5,
        "frequency_score": 4,
        "monetary_score": 3,
        "rfm_segment": "loyal",
    }
    publish_items(
        under_way(BudgetedTable(serving.client, serving.items, limiter), 1),
        [row],
        keys={"customer_id": "S"},
        columns=row,
        previous_rows=None,
        previous_watermark=None,
        as_of=DAY,
    )
    clock = {"recency_days": 9, "tenure_days": 68, "orders_per_30_days": Decimal("3.0882")}
    today = date(2025, 3, 10)
    assert read_ltv(serving.client, serving.items, "ann", today=today) == {**row, "as_of_date": DAY, **clock}
    assert read_ltv(serving.client, serving.items, "bob", today=today) is None
    assert read_ltv(serving.client, serving.items, "#watermark", today=today) is None
    serving.client.put_item(TableName=serving.items, Item={"customer_id": {"S": "#owner"}})
    assert read_ltv(serving.client, serving.items, "#owner", today=today) is None


@pytest.mark.parametrize(
    ("order_count", "tenure_days", "expected"),
    [
        (1, 0, "30.0000"),
        (1, 1, "30.0000"),
        (1, 32, "0.9375"),
        (1, 120_000, "0.0003"),
        (3, 7, "12.8571"),
        (2, 90, "0.6667"),
    ],
)
def test_orders_per_30_days_round_half_up(order_count: int, tenure_days: int, expected: str) -> None:
    """Rule G3: a tenure under a day counts as one; 30 / 120000 = 0.00025 is a true half, and goes up."""
    first = date(2000, 1, 1)
    today = date.fromordinal(first.toordinal() + tenure_days)
    figures = clock_figures(first_order_date=first, last_order_date=first, order_count=order_count, today=today)
    assert (figures["tenure_days"], str(figures["orders_per_30_days"])) == (tenure_days, expected)
