"""A day is published whole or not at all (rule P1), in moto and in Amazon's DynamoDB Local."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.publishing.attributes import number
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.days.day_publisher import USUAL, published_days, row_key
from medallion_assets.publishing.reader import read_day
from medallion_assets_tests.publishing.sold_days import DAY, GOLD, Row, publish, revenues, rows_of, stored
from medallion_assets_tests.publishing.under_way import NOW
from medallion_assets_tests.services.serving_tables import ServingTables


def test_a_day_is_read_as_it_was_published(serving: ServingTables, limiter: CapacityLimiter) -> None:
    published = publish(serving, limiter, 7, rows_of(2, "12345678901234.5678"))
    assert (published.outcome, published.version, published.items_written) == ("published", 7, 2)
    assert read_day(serving.client, serving.days, DAY) == [
        {
            "metric_date": "2025-03-04",
            "product_category": category,
            "region": "west",
            "net_revenue": Decimal("12345678901234.5678"),
        }
        for category in ("c000", "c001")
    ]
    pointer = stored(serving)["#current"]
    assert (number(pointer["version"]), number(pointer["row_count"]), pointer["run_id"]["S"]) == (7, 2, "run-1")
    assert pointer["table_id"]["S"] == GOLD
    assert pointer["published_at"]["S"] == "2125-03-05T09:00:00+00:00"


def test_an_older_version_publishes_nothing_and_the_same_one_changes_nothing(
    serving: ServingTables, limiter: CapacityLimiter
) -> None:
    publish(serving, limiter, 7, rows_of(2, "7"))
    before = stored(serving)
    assert publish(serving, limiter, 6, rows_of(3, "6")).outcome == "superseded"
    again = publish(serving, limiter, 7, rows_of(2, "7"), run_id="run-2")
    assert (again.outcome, again.items_written, again.consumed_wcu) == ("unchanged", 0, 0)
    assert stored(serving) == before


def test_an_empty_day_moves_the_pointer_too(serving: ServingTables, limiter: CapacityLimiter) -> None:
    publish(serving, limiter, 1, rows_of(2, "1"))
    assert publish(serving, limiter, 2, []).outcome == "published"
    assert revenues(serving) == []
    assert number(stored(serving)["#current"]["version"]) == 2


def test_superseded_rows_expire_and_no_others(serving: ServingTables, limiter: CapacityLimiter) -> None:
    """A day after the move; a version that somebody is still writing is left alone."""
    serving.client.put_item(
        TableName=serving.days, Item={"metric_date": {"S": str(DAY)}, "row_key": {"S": row_key(9, ["c", "west"])}}
    )
    assert "expires_at" not in str(stored(serving))
    publish(serving, limiter, 1, rows_of(2, "1"))
    assert "expires_at" not in str(stored(serving))
    published = publish(serving, limiter, 2, rows_of(30, "2"))
    assert published.items_deleted == 2
    expiring = {key: number(item["expires_at"]) for key, item in stored(serving).items() if "expires_at" in item}
    assert expiring == {row_key(1, [f"c{i:03}", "west"]): int(NOW.timestamp()) + 86_400 for i in range(2)}
    expiry = serving.client.describe_time_to_live(TableName=serving.days)["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")


def test_what_superseded_a_publish_is_told_within_its_generation(
    serving: ServingTables, limiter: CapacityLimiter
) -> None:
    publish(serving, limiter, 7, rows_of(2, "7"), generation=1)
    assert publish(serving, limiter, 6, [], generation=1).superseded_by == 7
    assert publish(serving, limiter, 9, [], generation=0).superseded_by is None
    assert publish(serving, limiter, 8, [], generation=1).superseded_by is None


def test_the_pointers_tell_who_published(serving: ServingTables, limiter: CapacityLimiter) -> None:
    """P5: one trace a day, among rows and the owner."""
    for number_of_day in range(2):
        publish(serving, limiter, 7, rows_of(3, "7"), day=DAY + timedelta(days=number_of_day), generation=number_of_day)
    traces = published_days(BudgetedTable(serving.client, serving.days, limiter), USUAL)
    assert {trace.number for trace in traces} == {7, 1_000_000_007}
    assert {(trace.run_id, trace.published_at, trace.table_id) for trace in traces} == {("run-1", NOW, GOLD)}


def test_keys_stay_apart_whatever_the_values_hold(serving: ServingTables, limiter: CapacityLimiter) -> None:
    pairs = [("a#b", "c"), ("a", "b#c"), ("a%23b", "c"), ("", ""), ("#current", "x"), ("ü" * 2000, "x")]
    pairs += [(None, "c"), ("None", "c"), ("%null", "c"), ("null", "c")]
    rows = [{"product_category": category, "region": region, "n": 1} for category, region in pairs]
    publish(serving, limiter, 1, rows)
    read = read_day(serving.client, serving.days, DAY)
    assert {(row.get("product_category"), row["region"]) for row in read} == set(pairs)
    assert len({row_key(1, pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(
    ("version", "rows", "message"),
    [
        (
            1,
            rows_of(1, "1") * 2,
            r"^days-\w+: two Gold rows of a day have the same key; expected: one row of",
        ),
        (1, [{"product_category": "a", "region": "b", "net_revenue": 1.5}], "net_revenue .* float 1.5"),
        (10**12, [], "version does not fit"),
    ],
)
def test_what_cannot_be_published_is_refused_before_anything_is_written(
    serving: ServingTables, limiter: CapacityLimiter, version: int, rows: list[Row], message: str
) -> None:
    with pytest.raises(PermanentError, match=message):
        publish(serving, limiter, version, rows)
    assert stored(serving) == {}


def test_a_missing_table_says_what_to_do(serving: ServingTables, limiter: CapacityLimiter) -> None:
    with pytest.raises(PermanentError, match=r"not-there.*create the table"):
        publish(serving, limiter, 1, [], table="not-there")
