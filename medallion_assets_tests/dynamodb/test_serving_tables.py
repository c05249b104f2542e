"""Serving tables are made once, as publishing needs them."""

from __future__ import annotations

import pytest

from medallion_assets.dynamodb.serving_tables import ensure_day_table, ensure_item_table
from medallion_assets.errors import PermanentError
from medallion_assets_tests.services.serving_tables import ServingTables


def test_asking_again_changes_nothing(serving: ServingTables) -> None:
    ensure_day_table(serving.client, serving.days)
    ensure_item_table(serving.client, serving.items, key="customer_id")
    table = serving.client.describe_table(TableName=serving.days)["Table"]
    assert [part["AttributeName"] for part in table["KeySchema"]] == ["metric_date", "row_key"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_a_table_can_be_given_its_capacity(serving: ServingTables) -> None:
    name = f"{serving.items}-500"
    ensure_item_table(serving.client, name, key="customer_id", write_capacity=500)
    table = serving.client.describe_table(TableName=name)["Table"]
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 500


def test_a_table_with_another_key_is_refused(serving: ServingTables) -> None:
    with pytest.raises(PermanentError, match="expected: metric_date, row_key; found: customer_id"):
        ensure_day_table(serving.client, serving.items)
