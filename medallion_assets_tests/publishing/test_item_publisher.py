"""Items are published by what differs, and no older publish ever overwrites a newer one (rule P2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from medallion_assets.errors import PermanentError
from medallion_assets.publishing.attributes import from_item, to_item
from medallion_assets.publishing.budgeted_table import BudgetedTable
from medallion_assets.publishing.item_publisher import publish_items
from medallion_assets.publishing.limiter import CapacityLimiter
from medallion_assets.publishing.publisher import VERSIONS, Publish, Published, Source
from medallion_assets.publishing.tombstones import is_tombstone
from medallion_assets.publishing.watermark import read_watermark
from medallion_assets_tests.publishing.faults import FaultyClient, InterleavedClient, KilledError
from medallion_assets_tests.services.serving_tables import ServingTables

DAY = date(2025, 3, 4)
NOW = datetime(2025, 3, 5, 9, tzinfo=UTC)
Figures = Mapping[str, int]
START: Figures = {"ann": 1, "bob": 1, "cid": 1, "dan": 1}
OLDER: Figures = {"ann": 2, "bob": 2, "cid": 1, "eve": 2}
"""Changes ann and bob, drops dan, brings eve."""
OURS = ("#watermark", "#owner")
NEWER: Figures = {"ann": 3, "bob": 1, "cid": 3, "dan": 1}
"""Leaves bob and dan as they were at the start, and knows nothing of eve."""


class Gold:
    """Gold's partitions by pair, and publishing them as an asset does: compare with the partition at the watermark."""

    def __init__(self, serving: ServingTables, limiter: CapacityLimiter) -> None:
        self.serving = serving
        self.limiter = limiter
        self.partitions: dict[tuple[date, int], Figures] = {}

    def publish(
        self,
        figures: Figures,
        version: int,
        *,
        as_of: date = DAY,
        client: Any = None,
        generation: int = 0,
        forget: bool = False,
    ) -> Published:
        """With `forget`, Gold no longer has the partition at the watermark."""
        self.partitions.setdefault((as_of, generation * VERSIONS + version), figures)
        watermark = read_watermark(self.serving.client, self.serving.items, keys=["customer_id"])
        return publish_items(
            Publish(
                table=BudgetedTable(client or self.serving.client, self.serving.items, self.limiter),
                source=Source(table_id=f"gold-{generation}", version=version, generation=generation),
                run_id="run-1",
                now=NOW,
            ),
            rows_of(figures),
            keys=["customer_id"],
            previous_rows=None if watermark is None or forget else rows_of(self.partitions[watermark]),
            previous_watermark=watermark,
            as_of=as_of,
        )

    @property
    def stored(self) -> dict[str, dict[str, object]]:
        items = self.serving.client.scan(TableName=self.serving.items, ConsistentRead=True)["Items"]
        rows = [from_item(item) for item in items if not is_tombstone(item)]
        return {str(row.pop("customer_id")): row for row in rows if row["customer_id"] not in OURS}

    @property
    def seen(self) -> dict[str, object]:
        return {customer: row["lifetime_value"] for customer, row in self.stored.items()}


@pytest.fixture
def gold(serving: ServingTables, limiter: CapacityLimiter) -> Gold:
    return Gold(serving, limiter)


def rows_of(figures: Figures) -> Iterable[dict[str, object]]:
    return ({"customer_id": customer, "lifetime_value": Decimal(value)} for customer, value in figures.items())


def test_items_carry_their_figures_and_the_pair_they_were_written_under(gold: Gold) -> None:
    published = gold.publish({"ann": 7}, 3)
    assert (published.outcome, published.items_written, published.items_deleted) == ("published", 1, 0)
    assert gold.stored == {"ann": {"lifetime_value": 7, "as_of_date": "2025-03-04", "gold_version": 3}}
    assert read_watermark(gold.serving.client, gold.serving.items, keys=["customer_id"]) == (DAY, 3)


def test_the_cost_follows_the_change(real_serving: ServingTables, limiter: CapacityLimiter) -> None:
    """Rule P3. Two changed, one vanished, one new (it and a look at the watermark, twice), two for the watermark."""
    gold = Gold(real_serving, limiter)
    gold.publish(START, 1)
    published = gold.publish(OLDER, 2)
    assert (published.items_written, published.items_deleted, published.consumed_wcu) == (3, 1, 9)
    assert gold.seen == OLDER
    assert gold.stored["cid"]["gold_version"] == 1
    nothing = gold.publish(OLDER, 3)
    assert (nothing.outcome, nothing.items_written, nothing.consumed_wcu) == ("published", 0, 2)


@pytest.mark.parametrize(("as_of", "version"), [(DAY, 4), (date(2025, 3, 3), 99)])
def test_a_lower_pair_publishes_nothing(gold: Gold, as_of: date, version: int) -> None:
    """An older Gold version, or an older day however new its version."""
    gold.publish(START, 5)
    published = gold.publish(NEWER, version, as_of=as_of)
    assert (published.outcome, published.consumed_wcu, gold.seen) == ("superseded", 0, START)


def test_a_later_day_replaces_a_higher_version_and_the_same_pair_changes_nothing(gold: Gold) -> None:
    gold.publish(START, 5)
    assert gold.publish(NEWER, 5).outcome == "unchanged"
    assert gold.seen == START
    assert gold.publish(NEWER, 4, as_of=date(2025, 3, 5)).outcome == "published"
    assert gold.seen == NEWER


def test_without_the_partition_of_the_watermark_the_table_itself_is_compared(gold: Gold) -> None:
    """Gold removed that partition, or another publish moved the watermark since it was read."""
    gold.publish(START, 1)
    for version, previous in ((2, None), (3, rows_of({}))):
        published = publish_items(
            Publish(
                table=BudgetedTable(gold.serving.client, gold.serving.items, gold.limiter),
                source=Source(table_id="gold", version=version),
                run_id="run-1",
                now=NOW,
            ),
            rows_of({**OLDER, "ann": version}),
            keys=["customer_id"],
            previous_rows=previous,
            previous_watermark=(DAY, 0),
            as_of=DAY,
        )
        assert (published.items_written, published.items_deleted) == ((3, 1) if version == 2 else (1, 0))
        assert gold.seen == {**OLDER, "ann": version}


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
        assert read_watermark(gold.serving.client, gold.serving.items, keys=["customer_id"]) == (as_of, next_version)
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
        assert read_watermark(gold.serving.client, gold.serving.items, keys=["customer_id"]) == (as_of, 3)
        gold.publish({**NEWER, "ann": 4}, 4, as_of=as_of)
        assert gold.seen == {**NEWER, "ann": 4}
    assert at >= 5


@pytest.mark.parametrize(("slow", "fast"), [(0, 1), pytest.param(1, 0, marks=pytest.mark.slow)])
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
        assert read_watermark(gold.serving.client, gold.serving.items, keys=["customer_id"]) == (
            date(2025, 3, 2),
            1_000_000_001,
        )
        gold.publish({**NEWER, "ann": 4}, 2, as_of=date(2025, 3, 2), generation=1)
        assert gold.seen == {**NEWER, "ann": 4}
    assert at >= 5


def test_a_former_generation_publishes_nothing_however_late_its_day(gold: Gold) -> None:
    gold.publish(START, 1, generation=1)
    published = gold.publish(OLDER, 99, as_of=date(2025, 3, 9))
    assert (published.outcome, published.superseded_by, gold.seen) == ("superseded", None, START)
    assert gold.publish(OLDER, 2, generation=1).outcome == "published"
    assert gold.publish(START, 1, generation=1).superseded_by == 2


def test_the_watermark_names_the_gold_table(gold: Gold) -> None:
    gold.publish(START, 1)
    item = gold.serving.client.get_item(TableName=gold.serving.items, Key={"customer_id": {"S": "#watermark"}})["Item"]
    assert item["table_id"]["S"] == "gold-0"


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


def test_two_rows_of_one_customer_are_refused(gold: Gold) -> None:
    with pytest.raises(PermanentError, match="two rows have the same customer_id"):
        publish_items(
            Publish(
                table=BudgetedTable(gold.serving.client, gold.serving.items, gold.limiter),
                source=Source(table_id="gold", version=1),
                run_id="run-1",
                now=NOW,
            ),
            [*rows_of({"ann": 1}), *rows_of({"ann": 2})],
            keys=["customer_id"],
            previous_rows=None,
            previous_watermark=None,
            as_of=DAY,
        )


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


def test_progress_tells_how_many_items_are_in(serving: ServingTables, limiter: CapacityLimiter) -> None:
    told: list[int] = []
    publish_items(
        Publish(
            table=BudgetedTable(serving.client, serving.items, limiter),
            source=Source(table_id="gold", version=1),
            run_id="run-1",
            now=NOW,
            progress=told.append,
        ),
        rows_of({f"c{i}": 1 for i in range(250)}),
        keys=["customer_id"],
        previous_rows=None,
        previous_watermark=None,
        as_of=DAY,
    )
    assert told == [100, 200, 250]
