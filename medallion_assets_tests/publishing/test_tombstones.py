"""A customer that vanished stays away, however late another publish is (rule P2)."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from itertools import count

import pytest

from medallion_assets.publishing.attributes import from_item
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets_tests.pipeline import read_ltv
from medallion_assets_tests.publishing.faults import FaultyClient, InterleavedClient, KilledError
from medallion_assets_tests.publishing.gold_items import DAY, Gold
from medallion_assets_tests.publishing.under_way import NOW

WEEK = 7 * 86_400


def item_of(gold: Gold, customer_id: str) -> dict[str, object] | None:
    key = {"customer_id": {"S": customer_id}}
    item = gold.serving.client.get_item(TableName=gold.serving.items, Key=key).get("Item")
    return None if item is None else from_item(item)


def test_who_vanished_leaves_a_tombstone_for_a_week(gold: Gold) -> None:
    gold.publish({"ann": 1, "bob": 1}, 1)
    assert gold.publish({"ann": 1}, 2).items_deleted == 1
    assert item_of(gold, "bob") == {
        "customer_id": "bob",
        "is_deleted": True,
        "as_of_date": str(DAY),
        "gold_version": 2,
        "expires_at": int(NOW.timestamp()) + WEEK,
    }
    assert read_ltv(gold.serving.client, gold.serving.items, "bob", today=DAY) is None
    expiry = gold.serving.client.describe_time_to_live(TableName=gold.serving.items)["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")


def test_who_returns_replaces_the_tombstone(gold: Gold) -> None:
    for version, figures in enumerate([{"ann": 1, "bob": 1}, {"ann": 1}, {"ann": 1, "bob": 2}], start=1):
        gold.publish(figures, version)
    assert gold.seen == {"ann": 1, "bob": 2}
    assert "expires_at" not in gold.stored["bob"]


@pytest.mark.parametrize("versions", [(3,), (3, 4, 5)])
def test_a_tombstone_is_not_renewed_when_the_table_is_read(gold: Gold, versions: tuple[int, ...]) -> None:
    """Gold's former partition is gone each time: the table itself is compared, in which the tombstone is nobody."""
    gold.publish({"ann": 1, "bob": 1}, 1)
    gold.publish({"ann": 1}, 2)
    before = item_of(gold, "bob")
    for version in versions:
        gold.publish({"ann": 1}, version, forget=True)
    assert item_of(gold, "bob") == before


@pytest.mark.parametrize("expired", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_late_publish_never_brings_back_who_was_deleted(gold: Gold, expired: bool) -> None:
    """It stops at each of its calls in turn; two newer publishes and, at last, time to live go by.

    Version 2 changes ann and bob and brings eve, version 3 drops bob and eve.
    """
    for at in count():
        as_of = DAY + timedelta(days=at)
        gold.publish({"ann": 1, "bob": 1}, 1, as_of=as_of)

        def meanwhile(as_of: date = as_of) -> None:
            gold.publish({"ann": 3}, 3, as_of=as_of)
            gold.publish({"ann": 4}, 4, as_of=as_of)
            for customer in ("bob", "eve") if expired else ():
                key = {"customer_id": {"S": customer}}
                gold.serving.client.delete_item(TableName=gold.serving.items, Key=key)

        late = InterleavedClient(gold.serving.client, at=at, meanwhile=meanwhile)
        outcome = gold.publish({"ann": 2, "bob": 2, "eve": 2}, 2, as_of=as_of, client=late).outcome
        if late.calls <= at:
            break
        assert (outcome, gold.seen) == ("superseded", {"ann": 4})
        assert read_watermark(gold.serving.client, gold.serving.items, keys={"customer_id": "S"}) == (as_of, 4)
    assert at >= 6


def test_what_a_late_first_publish_brings_is_gone_after_the_next_one(gold: Gold) -> None:
    """The first publish of a table makes its items without a look at the watermark. Its last word is a late request."""
    for at in count():
        for item in gold.serving.client.scan(TableName=gold.serving.items)["Items"]:
            key = {"customer_id": item["customer_id"]}
            gold.serving.client.delete_item(TableName=gold.serving.items, Key=key)
        late = InterleavedClient(gold.serving.client, at=at, meanwhile=lambda: gold.publish({"ann": 2}, 2))
        dying = FaultyClient(late, at=at, answer_lost=True, error=KilledError())
        with suppress(KilledError):
            gold.publish({"ann": 1, "bob": 1, "cid": 1}, 1, client=dying)
        if late.calls <= at:
            break
        gold.publish({"ann": 3}, 3)
        assert gold.seen == {"ann": 3}
    assert at >= 5


@pytest.mark.parametrize("answer_lost", [True, False])
def test_a_publish_that_died_among_its_tombstones_is_completed(gold: Gold, answer_lost: bool) -> None:
    for at in count():
        as_of = DAY + timedelta(days=at)
        gold.publish({"ann": 1, "bob": 1, "cid": 1}, 1, as_of=as_of)
        dying = FaultyClient(gold.serving.client, at=at, answer_lost=answer_lost, error=KilledError())
        try:
            gold.publish({"ann": 1}, 2, as_of=as_of, client=dying)
        except KilledError:
            gold.publish({"ann": 1}, 2, as_of=as_of)
        assert gold.seen == {"ann": 1}
        if dying.calls <= at:
            break
    assert at >= 4
