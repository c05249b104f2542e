"""Items are published by what differs, and no older publish ever overwrites a newer one (rule P2)."""

from __future__ import annotations

from datetime import date

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.items.item_publisher import publish_items
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets_tests.publishing.gold_items import COLUMNS, DAY, NEWER, OLDER, START, Gold, rows_of
from medallion_assets_tests.publishing.under_way import under_way
from medallion_assets_tests.services.serving_tables import ServingTables


def test_items_carry_their_figures_and_the_pair_they_were_written_under(gold: Gold) -> None:
    published = gold.publish({"ann": 7}, 3)
    assert (published.outcome, published.items_written, published.items_deleted) == ("published", 1, 0)
    assert gold.stored == {"ann": {"lifetime_value": 7, "as_of_date": "2025-03-04", "gold_version": 3}}
    assert read_watermark(gold.serving.client, gold.serving.items, keys={"customer_id": "S"}) == (DAY, 3)


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
            under_way(BudgetedTable(gold.serving.client, gold.serving.items, gold.limiter), version),
            rows_of({**OLDER, "ann": version}),
            keys={"customer_id": "S"},
            columns=COLUMNS,
            previous_rows=previous,
            previous_watermark=(DAY, 0),
            as_of=DAY,
        )
        assert (published.items_written, published.items_deleted) == ((3, 1) if version == 2 else (1, 0))
        assert gold.seen == {**OLDER, "ann": version}


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


def test_two_rows_of_one_customer_are_refused(gold: Gold) -> None:
    with pytest.raises(PermanentError, match="two rows have the same customer_id"):
        publish_items(
            under_way(BudgetedTable(gold.serving.client, gold.serving.items, gold.limiter), 1),
            [*rows_of({"ann": 1}), *rows_of({"ann": 2})],
            keys={"customer_id": "S"},
            columns=COLUMNS,
            previous_rows=None,
            previous_watermark=None,
            as_of=DAY,
        )


def test_progress_tells_how_many_items_are_in(serving: ServingTables, limiter: CapacityLimiter) -> None:
    told: list[int] = []
    publish_items(
        under_way(BudgetedTable(serving.client, serving.items, limiter), 1, progress=told.append),
        rows_of({f"c{i}": 1 for i in range(250)}),
        keys={"customer_id": "S"},
        columns=COLUMNS,
        previous_rows=None,
        previous_watermark=None,
        as_of=DAY,
    )
    assert told == [100, 200, 250]
