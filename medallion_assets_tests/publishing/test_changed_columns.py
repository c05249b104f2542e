"""Other columns than those published before reach every item, also one whose other figures stay (rule P2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medallion_assets.contracts.pipeline import PublishItems
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.transactions.pipeline import LIFETIME_VALUE, LIFETIME_VALUE_METRICS
from medallion_assets.publishing.attributes import from_item
from medallion_assets.publishing.publisher import PublishResult
from medallion_assets_tests.deriving.planting import Sale
from medallion_assets_tests.deriving.test_build import plant
from medallion_assets_tests.publishing.faults import KilledError
from medallion_assets_tests.publishing.house import DAY, LTV, House, house_with

FULL = LIFETIME_VALUE_METRICS
LEAN = replace(FULL, without=(*FULL.without, "rfm_segment"))


def sell(house: House, *amounts: str) -> None:
    """A sale to each of c1, c2, c3; Gold is built."""
    plant(house.lake, *(Sale(DAY, amount, customer=f"c{i}") for i, amount in enumerate(amounts, start=1)))
    build(house.lake, LIFETIME_VALUE, [DAY])


def publish(house: House, what: PublishItems) -> PublishResult:
    return house.publisher.publish(what, [DAY])[DAY]


def segments(house: House) -> set[bool]:
    """Whether customers have the column."""
    rows = [from_item(item) for item in house.items(LTV)]
    return {"rfm_segment" in row for row in rows if "lifetime_value" in row}


BOTH_WAYS = pytest.mark.parametrize(("before", "after"), [(LEAN, FULL), (FULL, LEAN)], ids=["added", "removed"])


@BOTH_WAYS
@pytest.mark.parametrize("last", ["10", "11"], ids=["same figures", "one changed"])
def test_all_items_get_it_or_lose_it(house: House, before: PublishItems, after: PublishItems, last: str) -> None:
    sell(house, "10", "10", "10")
    publish(house, before)
    sell(house, "10", "10", last)
    assert (publish(house, after).items_written, segments(house)) == (3, {after is FULL})
    assert publish(house, after).outcome == "unchanged"


@BOTH_WAYS
def test_so_they_do_from_the_same_version_of_gold(house: House, before: PublishItems, after: PublishItems) -> None:
    sell(house, "10", "10", "10")
    publish(house, before)
    published = publish(house, after)
    assert (published.outcome, published.items_written, segments(house)) == ("published", 3, {after is FULL})


class DiesAfterAnItem:
    """A client whose process ends once an item is in."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def put_item(self, **request: Any) -> Any:
        answer = self.client.put_item(**request)
        if "lifetime_value" in request["Item"]:
            raise KilledError
        return answer


def test_a_publish_that_died_among_them_is_put_right_by_one_of_the_columns_before(house: House) -> None:
    """Items have the column and the pair of the publish that follows; the watermark names the one before both."""
    sell(house, "10", "10", "10")
    publish(house, LEAN)
    sell(house, "10", "10", "11")
    with pytest.raises(KilledError):
        publish(house_with(house, client=DiesAfterAnItem(house.publisher.client)), FULL)
    assert True in segments(house)
    publish(house, LEAN)
    assert segments(house) == {False}


def test_a_table_of_an_earlier_release_is_read_once(house: House) -> None:
    """Its watermark says nothing of columns."""
    sell(house, "10", "10", "10")
    publish(house, LEAN)
    key = {"Key": {"customer_id": {"S": "#watermark"}}, "UpdateExpression": "REMOVE item_form"}
    house.publisher.client.update_item(TableName=LTV, **key)
    assert publish(house, FULL).items_written == 3
    assert segments(house) == {True}
    assert publish(house, FULL).outcome == "unchanged"
