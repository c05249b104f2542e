"""Items are published whole (rule P2), whatever kills a publish at any step, or publishes within it."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from medallion_assets.publishing.attributes import to_item
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets_tests.publishing.faults import FaultyClient, InterleavedClient, KilledError
from medallion_assets_tests.publishing.gold_items import DAY, NEWER, OLDER, START, Figures, Gold
from medallion_assets_tests.services.serving_tables import ServingTables


@pytest.mark.parametrize(
    ("kill", "answer_lost", "next_version"),
    [
        (True, False, 3),
        pytest.param(True, False, 2, marks=pytest.mark.slow),
        pytest.param(True, True, 2, marks=pytest.mark.slow),
        pytest.param(True, True, 3, marks=pytest.mark.slow),
        pytest.param(False, True, 3, marks=pytest.mark.slow),
    ],
)
def test_killed_or_unanswered_at_any_step_then_published_again_gives_the_same_table(
    gold: Gold, kill: bool, answer_lost: bool, next_version: int
) -> None:
    """Every call in turn; repaired by the same pair again, and by another pair that never heard of it."""
    wanted = OLDER if next_version == 2 else NEWER
    for at in count():
        as_of = date.fromordinal(DAY.toordinal() + at)
        gold.publish(START, 1, as_of=as_of)
        error = KilledError() if kill else ConnectionClosedError(endpoint_url="dynamodb")
        faulty = FaultyClient(gold.serving.client, at=at, answer_lost=answer_lost, error=error)
        try:
            assert gold.publish(OLDER, 2, as_of=as_of, client=faulty).outcome == "published"
            assert gold.seen == OLDER
        except KilledError:
            assert all(gold.seen[key] in {START[key], OLDER.get(key)} for key in START if key in gold.seen)
        gold.publish(wanted, next_version, as_of=as_of)
        assert gold.seen == wanted
        assert read_watermark(gold.serving.client, gold.serving.items, keys={"customer_id": "S"}) == (
            as_of,
            next_version,
        )
        if faulty.calls <= at:
            break
    assert at >= 7


@pytest.mark.parametrize(
    ("slow", "fast"), [((2, OLDER), (3, NEWER)), pytest.param((3, NEWER), (2, OLDER), marks=pytest.mark.slow)]
)
def test_a_publish_within_another_at_any_step_leaves_the_newer_one(
    gold: Gold, slow: tuple[int, Figures], fast: tuple[int, Figures]
) -> None:
    """The slow one stops at every call in turn, the fast one runs as a whole, then the slow one goes on.

    Nothing that the newer one publishes is ever replaced by the older one, and no customer of whom only the older one
    knows stays behind.
    """
    for at in count():
        as_of = date.fromordinal(DAY.toordinal() + at)
        gold.publish(START, 1, as_of=as_of)
        slow_client = InterleavedClient(
            gold.serving.client, at=at, meanwhile=lambda as_of=as_of: gold.publish(fast[1], fast[0], as_of=as_of)
        )
        outcome = gold.publish(slow[1], slow[0], as_of=as_of, client=slow_client).outcome
        if slow_client.calls <= at:
            break
        assert outcome == ("published" if slow[0] == 3 else "superseded")
        assert gold.seen == NEWER
        assert read_watermark(gold.serving.client, gold.serving.items, keys={"customer_id": "S"}) == (as_of, 3)
        gold.publish({**NEWER, "ann": 4}, 4, as_of=as_of)
        assert gold.seen == {**NEWER, "ann": 4}
    assert at >= 5


@pytest.mark.slow
@pytest.mark.parametrize(("slow", "fast"), [(0, 1), (1, 0)])
def test_another_generation_at_any_step_of_a_publish_leaves_the_newer_one(gold: Gold, slow: int, fast: int) -> None:
    """P2, P5: Gold was made anew, begins at version 1, and reaches less far than the one before."""
    publishes: dict[int, dict[str, Any]] = {
        0: {"figures": OLDER, "version": 9},
        1: {"figures": NEWER, "version": 1, "as_of": date(2025, 3, 2)},
    }
    for at in count():
        for item in gold.serving.client.scan(TableName=gold.serving.items)["Items"]:
            key = {"customer_id": item["customer_id"]}
            gold.serving.client.delete_item(TableName=gold.serving.items, Key=key)
        gold.publish(START, 8)
        client = InterleavedClient(
            gold.serving.client, at=at, meanwhile=lambda: gold.publish(**publishes[fast], generation=fast)
        )
        gold.publish(**publishes[slow], generation=slow, client=client)
        if client.calls <= at:
            break
        assert gold.seen == NEWER
        assert read_watermark(gold.serving.client, gold.serving.items, keys={"customer_id": "S"}) == (
            date(2025, 3, 2),
            1_000_000_001,
        )
        gold.publish({**NEWER, "ann": 4}, 2, as_of=date(2025, 3, 2), generation=1)
        assert gold.seen == {**NEWER, "ann": 4}
    assert at >= 5


def test_what_a_slower_publish_brings_meanwhile_is_gone_at_the_end(gold: Gold) -> None:
    """Version 2 has begun and goes on beside version 3, which reads the table before and after it writes."""
    gold.publish(START, 1)
    with pytest.raises(KilledError):
        gold.publish(OLDER, 2, client=FaultyClient(gold.serving.client, at=1, answer_lost=True, error=KilledError()))
    eve = to_item({"customer_id": "eve", "lifetime_value": 2, "as_of_date": DAY, "gold_version": 2})

    def late_write() -> None:
        gold.serving.client.put_item(TableName=gold.serving.items, Item=eve)

    gold.publish(NEWER, 3, client=InterleavedClient(gold.serving.client, at=4, meanwhile=late_write))
    assert gold.seen == NEWER


def test_refused_conditional_writes_are_charged(real_serving: ServingTables, limiter: CapacityLimiter) -> None:
    """Rule P3. The items of an interrupted publish are there already: each is refused, and costs what it would have."""
    gold = Gold(real_serving, limiter)
    gold.publish(START, 1)
    killed_at_the_end = FaultyClient(gold.serving.client, at=6, answer_lost=False, error=KilledError())
    with pytest.raises(KilledError):
        gold.publish(OLDER, 2, client=killed_at_the_end)
    assert gold.seen == OLDER
    published = gold.publish(OLDER, 2)
    assert (published.outcome, published.items_written, published.consumed_wcu) == ("published", 0, 9)
