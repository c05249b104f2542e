"""Items with a partition key and a sort key: published, replaced and buried as those with one are (rules P2, P4)."""

from __future__ import annotations

from datetime import date
from typing import Any

from medallion_assets.contracts.table import Column, Integer, Table, Text
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.items.item_publisher import publish_items
from medallion_assets.publishing.items.watermark import published_items, read_watermark
from medallion_assets.publishing.publisher import PublishResult
from medallion_assets.publishing.reader import read_item
from medallion_assets.publishing.tables.serving_tables import ensure_table, item_table
from medallion_assets_tests.publishing.under_way import under_way
from medallion_assets_tests.services.serving_tables import ServingTables

KEYS = {"buyer": "S", "shop": "S"}
DAY = date(2025, 3, 4)
CONTRACT = Table(
    name="serving.buyers",
    description="",
    key=(*KEYS,),
    columns=(Column("buyer", Text(), ""), Column("shop", Text(), ""), Column("orders", Integer(), "")),
)


def publish(serving: ServingTables, limiter: CapacityLimiter, version: int, *rows: tuple[Any, ...]) -> PublishResult:
    """Publish (buyer, shop, orders) as a version of Gold; the table itself is read for what was there before."""
    table = f"two-{serving.items}"
    ensure_table(serving.client, item_table(table, keys=KEYS), creates=True)
    return publish_items(
        under_way(BudgetedTable(serving.client, table, limiter), version),
        [dict(zip((*KEYS, "orders"), row, strict=True)) for row in rows],
        keys=KEYS,
        columns=(*KEYS, "orders"),
        previous_rows=None,
        previous_watermark=None,
        as_of=DAY,
    )


def orders(serving: ServingTables, buyer: str, shop: str) -> object:
    return (read_item(serving.client, f"two-{serving.items}", CONTRACT, buyer, shop) or {}).get("orders")


def test_both_keys_tell_items_apart(serving: ServingTables, limiter: CapacityLimiter) -> None:
    """One of a buyer's items changes, one stays as it is, and one vanishes."""
    publish(serving, limiter, 1, ("ann", "east", 1), ("ann", "west", 2), ("#bob", "50%", 3))
    second = publish(serving, limiter, 2, ("ann", "east", 5), ("#bob", "50%", 3))
    assert (second.items_written, second.items_deleted) == (1, 1)
    assert [orders(serving, *key) for key in (("ann", "east"), ("ann", "west"), ("#bob", "50%"))] == [5, None, 3]
    assert read_watermark(serving.client, f"two-{serving.items}", keys=KEYS) == (DAY, 2)
    table = BudgetedTable(serving.client, f"two-{serving.items}", limiter)
    assert [trace.number for trace in published_items(table, KEYS)] == [2]


def test_keys_that_dynamodb_cannot_take_are_left_out(serving: ServingTables, limiter: CapacityLimiter) -> None:
    """A sort key has 1,024 bytes at most, and none is empty."""
    done = publish(serving, limiter, 1, ("ann", "x" * 1025, 1), ("ann", "", 2), ("ann", "east", 3))
    assert (done.items_written, done.left_out.count) == (1, 2)
    assert [sample["row"] for sample in done.left_out.samples][1] == "ann, "
    assert orders(serving, "ann", "x" * 1025) is None
