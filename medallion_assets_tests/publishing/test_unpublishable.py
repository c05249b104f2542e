"""A row that DynamoDB cannot take is left out and named, and the others are published (rule P4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.publishing.attributes import from_item, item_bytes, to_item
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.days.day_publisher import publish_day
from medallion_assets.publishing.items.item_publisher import publish_items
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.keys import MOST_ITEM_BYTES
from medallion_assets.publishing.publisher import GoldVersion, Publish, PublishResult
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.tombstones import is_tombstone
from medallion_assets.publishing.unpublishable import KeyRule, key_rules
from medallion_assets_tests.publishing.fake_clock import FakeClock
from medallion_assets_tests.publishing.under_way import NOW, under_way
from medallion_assets_tests.services.serving_tables import ServingTables

DAY = date(2025, 3, 4)
OURS = {"#watermark", "#owner"}
Row = Mapping[str, object]


def customer(customer_id: object, value: object = 1) -> Row:
    return {"customer_id": customer_id, "lifetime_value": value}


def publish(
    serving: ServingTables,
    limiter: CapacityLimiter,
    rows: list[Row],
    version: int = 1,
    previous: list[Row] | None = None,
    rules: tuple[KeyRule, ...] = (),
) -> PublishResult:
    return publish_items(
        under_way(BudgetedTable(serving.client, serving.items, limiter), version, index_rules=rules),
        rows,
        keys={"customer_id": "S"},
        columns=customer("ann"),
        previous_rows=previous,
        previous_watermark=read_watermark(serving.client, serving.items, keys={"customer_id": "S"}),
        as_of=DAY,
    )


def seen(serving: ServingTables) -> dict[object, object]:
    items = serving.client.scan(TableName=serving.items, ConsistentRead=True)["Items"]
    rows = [from_item(item) for item in items if not is_tombstone(item)]
    return {row["customer_id"]: row["lifetime_value"] for row in rows if row["customer_id"] not in OURS}


def watermark_of(serving: ServingTables) -> dict[str, object]:
    key = {"customer_id": {"S": "#watermark"}}
    return from_item(serving.client.get_item(TableName=serving.items, Key=key)["Item"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (customer(""), "customer_id is empty"),
        (customer(None), "customer_id is empty"),
        (customer("x" * 2049), "customer_id has 2,049 bytes, more than 2,048"),
        (customer("ü" * 1025), "customer_id has 2,050 bytes, more than 2,048"),
        (customer("%" * 1000), "customer_id has 3,000 bytes, more than 2,048"),
        (customer("x", "y" * 409_600), "the item has 409,"),
        (customer("x", Decimal("NaN")), "column lifetime_value contains a value that DynamoDB cannot store exactly"),
        (customer("x", Decimal("1E126")), "column lifetime_value"),
        (customer("x", Decimal("1E-131")), "column lifetime_value"),
        (customer("x", 10**38 + 1), "column lifetime_value"),
    ],
)
def test_one_such_row_leaves_the_others_published(
    serving: ServingTables, limiter: CapacityLimiter, row: Row, reason: str
) -> None:
    published = publish(serving, limiter, [customer("ann"), row, customer("bob")])
    assert (published.outcome, published.items_written, published.left_out.count) == ("published", 2, 1)
    (sample,) = published.left_out.samples
    assert str(sample["reason"]).startswith(reason)
    assert len(str(sample["row"])) <= 100
    assert seen(serving) == {"ann": 1, "bob": 1}
    assert watermark_of(serving)["rows_left_out"] == 1
    assert publish(serving, limiter, [customer("ann"), row, customer("bob")]).left_out.count == 1, "unchanged"


@pytest.mark.parametrize("customer_id", ["#watermark", "#owner", "#current", "%23watermark", "50%", "x" * 2048])
def test_keys_of_our_own_items_and_the_longest_ones_are_published(
    serving: ServingTables, limiter: CapacityLimiter, customer_id: str
) -> None:
    published = publish(serving, limiter, [customer(customer_id)])
    assert (published.items_written, published.left_out.count) == (1, 0)
    assert read_watermark(serving.client, serving.items, keys={"customer_id": "S"}) == (DAY, 1)
    assert publish(serving, limiter, [], version=2, previous=[customer(customer_id)]).items_deleted == 1
    assert seen(serving) == {}


def test_limits_are_those_of_dynamodb(real_serving: ServingTables) -> None:
    """What is left out DynamoDB refuses; one byte, digit or power of ten less it takes."""

    def takes(item: Any) -> bool:
        try:
            real_serving.client.put_item(TableName=real_serving.items, Item=item)
        except real_serving.client.exceptions.ClientError as error:
            return bool(error.response["Error"]["Code"] != "ValidationException")
        return True

    key = to_item({"customer_id": "a"})
    free = MOST_ITEM_BYTES - item_bytes({**key, "x": {"S": ""}})
    assert [takes({**key, "x": {"S": "y" * size}}) for size in (free, free + 1)] == [True, False]
    assert [takes({"customer_id": {"S": "y" * size}}) for size in (2048, 2049, 0)] == [True, False, False]
    assert [takes({**key, "x": {"N": f"1E{power}"}}) for power in (125, 126, -130, -131)] == [True, False, True, False]
    assert takes(to_item({"customer_id": "a", "x": Decimal("9.9999999999999999999999999999999999999E125")}))


def test_a_row_that_was_published_and_cannot_be_any_more_goes(serving: ServingTables, limiter: CapacityLimiter) -> None:
    """Readers find no figure of another day; when it can be again, it is back although nothing else changed."""
    publish(serving, limiter, [customer("ann"), customer("bob")])
    huge = [customer("ann"), customer("bob", Decimal("1E126"))]
    published = publish(serving, limiter, huge, version=2, previous=[customer("ann"), customer("bob")])
    assert (published.items_written, published.items_deleted) == (0, 1)
    assert seen(serving) == {"ann": 1}
    publish(serving, limiter, [customer("ann"), customer("bob")], version=3, previous=huge)
    assert seen(serving) == {"ann": 1, "bob": 1}


def test_a_row_that_an_index_refused_comes_when_the_index_is_gone(
    serving: ServingTables, limiter: CapacityLimiter
) -> None:
    """The rows are the same, the table is not: the watermark remembers that rows were left out."""
    rows: list[Row] = [{**customer("ann"), "region": "west"}, {**customer("bob"), "region": ""}]
    rules = key_rules(["region"], index="by_region")
    left_out = publish(serving, limiter, rows, rules=rules).left_out
    assert left_out.samples == [{"row": "bob", "reason": "region (key of index by_region) is empty"}]
    assert publish(serving, limiter, rows, version=2, previous=rows).items_written == 1
    assert seen(serving).keys() == {"ann", "bob"}
    again = publish(serving, limiter, rows, version=2, rules=rules)  # with an index anew, and nothing to publish
    assert (again.outcome, again.left_out.count) == ("unchanged", 0), "none is left out of what readers find"


def test_new_rows_of_the_largest_size_fit_their_transactions(real_serving: ServingTables) -> None:
    """4.6 MB, of which a transaction takes 4; the budget is as good as none."""
    clock = FakeClock()
    limiter = CapacityLimiter(1e6, clock=clock, sleep=clock.sleep, random=Random(7))
    publish(real_serving, limiter, [customer("ann")])
    rows = [customer("ann"), *(customer(f"c{i}", "y" * 390_000) for i in range(12))]
    assert publish(real_serving, limiter, rows, version=2, previous=[customer("ann")]).items_written == 12


def test_only_the_first_few_are_named(serving: ServingTables, limiter: CapacityLimiter) -> None:
    left_out = publish(serving, limiter, [customer("x" * (2049 + more)) for more in range(9)]).left_out
    assert (left_out.count, len(left_out.samples)) == (9, 5)


def test_a_column_of_another_type_is_no_matter_of_rows(serving: ServingTables, limiter: CapacityLimiter) -> None:
    for row in (customer("x", 0.5), customer(7)):
        with pytest.raises(PermanentError, match="cast the column in its Gold table"):
            publish(serving, limiter, [customer("ann"), row])
    assert seen(serving) == {}


@pytest.mark.parametrize("note", ["y" * 409_600, Decimal("NaN"), Decimal("1E126")])
def test_a_day_shows_the_rows_that_it_can(serving: ServingTables, limiter: CapacityLimiter, note: object) -> None:
    """The pointer counts what was written, and says how many are missing."""
    published = publish_day(
        under_way(BudgetedTable(serving.client, serving.days, limiter), 1),
        DAY,
        [{"region": "east", "note": 1}, {"region": "west", "note": note}],
        key_columns=("region",),
    )
    assert (published.outcome, published.items_written, published.left_out.count) == ("published", 1, 1)
    assert published.left_out.samples[0]["row"] == "2025-03-04 west"
    assert [row["region"] for row in read_day(serving.client, serving.days, DAY)] == ["east"]
    key = {"metric_date": {"S": str(DAY)}, "row_key": {"S": "#current"}}
    pointer = from_item(serving.client.get_item(TableName=serving.days, Key=key)["Item"])
    assert (pointer["row_count"], pointer["rows_left_out"]) == (1, 1)


@pytest.mark.parametrize("too_many", [0, 1])
def test_a_row_of_a_day_fits_with_the_expiry_that_it_gets(
    real_serving: ServingTables, limiter: CapacityLimiter, too_many: int
) -> None:
    """Else DynamoDB would refuse the expiry, and with it each later publish of the day."""

    def publish_note(version: int, note: str) -> PublishResult:
        source = GoldVersion(table_id="gold", version=version)
        table = BudgetedTable(real_serving.client, real_serving.days, limiter)
        whose = Publish(table=table, source=source, run_id="run-1", now=NOW)
        return publish_day(whose, DAY, [{"region": "west", "note": note}], key_columns=("region",))

    empty = {"metric_date": str(DAY), "row_key": "000000000001#west", "region": "west", "note": "", "expires_at": 10**9}
    note = "y" * (MOST_ITEM_BYTES - item_bytes(to_item(empty)) + too_many)
    assert publish_note(1, note).left_out.count == too_many
    assert publish_note(2, "short").items_deleted == 1 - too_many
