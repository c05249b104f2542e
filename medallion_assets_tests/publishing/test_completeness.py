"""Readers are told whether a day is complete, and that never becomes less certain (rules P1, P2, V6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from medallion_assets.contracts.published import DAY_KEYS
from medallion_assets.pipelines.transactions.pipeline import LIFETIME_VALUE_METRICS, SALES_METRICS
from medallion_assets.publishing.attributes import number
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.completeness import Completeness
from medallion_assets.publishing.reader import read_completeness
from medallion_assets.publishing.tables.serving_tables import day_table, ensure_table
from medallion_assets.publishing.unpublishable import KeyRule
from medallion_assets_tests.publishing.faults import InterleavedClient
from medallion_assets_tests.publishing.gold_items import DAY as AS_OF
from medallion_assets_tests.publishing.gold_items import NEWER, START, Gold
from medallion_assets_tests.publishing.sold_days import DAY, publish, revenues, rows_of, stored
from medallion_assets_tests.services.serving_tables import ServingTables, make_serving_tables

NOON = datetime(2025, 3, 4, 20, tzinfo=UTC)
END = datetime(2025, 3, 5, 8, tzinfo=UTC)
AT_NOON, AT_END = Completeness(NOON, is_complete=False), Completeness(END, is_complete=True)
LATER = Completeness(END + timedelta(hours=1, microseconds=5), is_complete=True)


def told(serving: ServingTables) -> Completeness | None:
    return read_completeness(serving.client, serving.days, SALES_METRICS.table, DAY)


def test_a_pointer_moves_for_completeness_alone(serving: ServingTables, limiter: CapacityLimiter) -> None:
    """One write, and no row; who says less, or the same again, writes nothing."""
    publish(serving, limiter, 7, rows_of(2, "7"), completeness=AT_NOON)
    assert told(serving) == AT_NOON
    surer = publish(serving, limiter, 7, rows_of(2, "7"), completeness=AT_END, run_id="run-2")
    assert (surer.outcome, surer.items_written, surer.consumed_wcu) == ("published", 0, 1)
    pointer = stored(serving)["#current"]
    assert (told(serving), pointer["run_id"]["S"], number(pointer["row_count"])) == (AT_END, "run-2", 2)
    for less in (AT_NOON, AT_END, None):
        again = publish(serving, limiter, 7, rows_of(2, "7"), completeness=less, run_id="run-3")
        assert (again.outcome, again.consumed_wcu) == ("unchanged", 0)
    assert stored(serving)["#current"] == pointer
    publish(serving, limiter, 7, rows_of(2, "7"), completeness=LATER)
    assert (told(serving), len(revenues(serving))) == (LATER, 2)


def test_a_pointer_that_moves_for_completeness_alone_counts_the_rows_that_are_there(
    client: Any, limiter: CapacityLimiter
) -> None:
    """P4: an index that was made since would leave a row out, and one that is gone would bring it back."""
    serving = make_serving_tables(client)

    def rules() -> tuple[KeyRule, ...]:
        return ensure_table(client, day_table(serving.days), creates=False).index_rules

    def publish_both(version: int, completeness: Completeness) -> int:
        rows = [*rows_of(1, "7"), {**rows_of(1, "7")[0], "product_category": "c9", "region": None}]
        published = publish(serving, limiter, version, rows, completeness=completeness, index_rules=rules())
        assert (published.outcome, told(serving)) == ("published", completeness)
        assert number(stored(serving)["#current"]["rows_left_out"]) == published.left_out.count
        return len(revenues(serving)) + 10 * published.left_out.count

    assert publish_both(7, AT_NOON) == 2
    by_region = {
        "IndexName": "by_region",
        "KeySchema": [{"AttributeName": "region", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    client.update_table(
        TableName=serving.days,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in (*DAY_KEYS, "region")],
        GlobalSecondaryIndexUpdates=[{"Create": by_region}],
    )
    assert publish_both(7, AT_END) == 2
    assert publish_both(8, AT_NOON) == 11
    client.update_table(TableName=serving.days, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_region"}}])
    assert publish_both(8, AT_END) == 11


def test_a_newer_version_says_how_sure_it_is_itself(serving: ServingTables, limiter: CapacityLimiter) -> None:
    publish(serving, limiter, 7, rows_of(2, "7"), completeness=AT_END)
    publish(serving, limiter, 8, rows_of(2, "8"), completeness=AT_NOON)
    assert told(serving) == AT_NOON
    publish(serving, limiter, 9, rows_of(2, "9"))
    assert told(serving) is None, "nobody knows"
    assert publish(serving, limiter, 8, rows_of(2, "8"), completeness=LATER).outcome == "superseded"
    assert told(serving) is None


def test_a_pointer_of_before_gets_it_without_a_new_version(serving: ServingTables, limiter: CapacityLimiter) -> None:
    publish(serving, limiter, 7, rows_of(2, "7"))
    assert publish(serving, limiter, 7, rows_of(2, "7"), completeness=AT_NOON).outcome == "published"
    assert told(serving) == AT_NOON


def test_of_two_publishes_at_once_the_surer_one_stays(serving: ServingTables, limiter: CapacityLimiter) -> None:
    """The other has read the pointer before it moved, and is refused by the write's own condition."""
    publish(serving, limiter, 7, rows_of(2, "7"), completeness=AT_NOON)
    client = InterleavedClient(
        serving.client, at=1, meanwhile=lambda: publish(serving, limiter, 7, rows_of(2, "7"), completeness=LATER)
    )
    slower = publish(serving, limiter, 7, rows_of(2, "7"), completeness=AT_END, client=client, run_id="run-2")
    assert (slower.outcome, told(serving)) == ("unchanged", LATER)


def test_a_watermark_says_it_and_moves_for_it_alone(gold: Gold, serving: ServingTables) -> None:
    """Of the day as of which the items are; under another pair nothing stays of what was said before."""

    def said() -> Completeness | None:
        return read_completeness(serving.client, serving.items, LIFETIME_VALUE_METRICS.table)

    gold.publish(START, 1, completeness=AT_NOON)
    assert said() == AT_NOON
    surer = gold.publish(START, 1, completeness=AT_END)
    assert (surer.outcome, surer.items_written, said()) == ("published", 0, AT_END)
    assert surer.consumed_wcu <= 1
    for less in (AT_NOON, AT_END, None):
        assert gold.publish(START, 1, completeness=less).outcome == "unchanged"
    assert said() == AT_END
    gold.publish(NEWER, 2)
    assert said() is None
    assert gold.publish(START, 1, completeness=LATER).outcome == "superseded"
    gold.publish(NEWER, 3, as_of=AS_OF + timedelta(days=1), completeness=AT_NOON)
    assert said() == AT_NOON


def test_nothing_is_said_where_nothing_was_published(serving: ServingTables) -> None:
    assert told(serving) is None
    assert read_completeness(serving.client, serving.items, LIFETIME_VALUE_METRICS.table) is None
