"""A table that was published before keys were encoded is put right by the next publish (rule P4)."""

from __future__ import annotations

from datetime import date

import pytest

from medallion_assets.publishing.attributes import Item, to_item
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets_tests.publishing.test_unpublishable import customer, publish, seen, watermark_of
from medallion_assets_tests.services.serving_tables import ServingTables

DAY = date(2025, 3, 4)
ROWS = [customer("ann"), customer("50%"), customer("#1 fan"), customer("a%b", 2), customer("a%25b", 3)]
ENCODED = {"ann": 1, "50%25": 1, "%231 fan": 1, "a%25b": 2, "a%2525b": 3}
PAIR: Item = to_item({"as_of_date": DAY, "gold_version": 1})


def publish_as_before(serving: ServingTables) -> None:
    """Version 1 as the release before left it: keys as they are, and a watermark that says nothing of them."""
    for row in ROWS:
        serving.client.put_item(TableName=serving.items, Item=to_item(row) | PAIR)
    begun = to_item({"begun_as_of_date": DAY, "begun_version": 1, "run_id": "run-0", "published_at": "2025-03-05"})
    serving.client.put_item(TableName=serving.items, Item={"customer_id": {"S": "#watermark"}} | PAIR | begun)


@pytest.mark.parametrize("version", [1, 2])
def test_the_first_publish_moves_the_keys(serving: ServingTables, limiter: CapacityLimiter, version: int) -> None:
    """The same pair again as well; no row differs, and Gold's partition at the watermark says that all are in."""
    publish_as_before(serving)
    published = publish(serving, limiter, ROWS, version=version, previous=ROWS)
    assert (published.outcome, seen(serving)) == ("published", ENCODED)
    assert watermark_of(serving)["key_encoding"] == "percent"
    again = publish(serving, limiter, ROWS, version=version, previous=ROWS)
    assert (again.outcome, again.items_written, again.consumed_wcu) == ("unchanged", 0, 0)


def test_an_older_publish_leaves_the_keys_to_a_newer_one(serving: ServingTables, limiter: CapacityLimiter) -> None:
    publish_as_before(serving)
    assert publish(serving, limiter, ROWS, version=0, previous=ROWS).outcome == "superseded"
    assert "key_encoding" not in watermark_of(serving)
