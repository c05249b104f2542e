"""Values go to DynamoDB and come back exactly, and the cost of an item is what DynamoDB charges."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.publishing.attributes import from_item, to_item, write_units
from medallion_assets_tests.services.serving_tables import ServingTables


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        (Decimal("10.0000"), {"N": "10"}),
        (Decimal("-0.0000"), {"N": "0"}),
        (Decimal("0.0001"), {"N": "0.0001"}),
        (Decimal("1E+3"), {"N": "1000"}),
        (10**37 + 1, {"N": str(10**37 + 1)}),
        (0, {"N": "0"}),
        (True, {"BOOL": True}),
        (None, {"NULL": True}),
        ("", {"S": ""}),
        (date(2025, 3, 4), {"S": "2025-03-04"}),
        (datetime(2025, 3, 4, 5, tzinfo=UTC), {"S": "2025-03-04T05:00:00+00:00"}),
    ],
)
def test_values_become_attributes(value: object, attribute: dict[str, object]) -> None:
    assert to_item({"a": value}) == {"a": attribute}


@pytest.mark.parametrize("value", [0.1, Decimal("NaN"), Decimal("Infinity"), 10**38 + 1, b"x", [1]])
def test_what_dynamodb_cannot_keep_exactly_is_refused_by_column(value: object) -> None:
    with pytest.raises(PermanentError, match="column amount contains a value that DynamoDB cannot store exactly"):
        to_item({"amount": value})


def test_dynamodb_gives_back_the_numbers_it_was_given(serving: ServingTables) -> None:
    """Equal numbers have equal text, so that what is stored can be compared with what shall be."""
    item = to_item({"customer_id": "a", "money": Decimal("12345678901234.5670"), "none": None, "yes": True, "n": 100})
    serving.client.put_item(TableName=serving.items, Item=item)
    stored = serving.client.get_item(TableName=serving.items, Key={"customer_id": {"S": "a"}})["Item"]
    assert stored == item
    assert from_item(stored) == {
        "customer_id": "a",
        "money": Decimal("12345678901234.567"),
        "none": None,
        "yes": True,
        "n": Decimal(100),
    }


@pytest.mark.parametrize("length", [0, 900, 1005, 1006, 1007, 1008, 5000])
def test_the_cost_of_an_item_is_what_dynamodb_charges(real_serving: ServingTables, length: int) -> None:
    item = to_item({"customer_id": "a", "x": "é" * (length // 2), "ok": True})
    answer = real_serving.client.put_item(TableName=real_serving.items, Item=item, ReturnConsumedCapacity="TOTAL")
    assert write_units(item) == answer["ConsumedCapacity"]["CapacityUnits"]
