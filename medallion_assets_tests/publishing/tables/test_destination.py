"""Samples stay on this machine unless a table or the lakehouse is named, and every table's name has the prefix."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from medallion_assets.delta.row_tables.identity import Identity
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.pipeline import LIFETIME_VALUE_METRICS, SALES_METRICS
from medallion_assets.publishing.tables.destination import is_local, refuse_samples, serving_table

AWS = "https://dynamodb.us-west-2.amazonaws.com"
LAKE = Lakehouse(url="/lake")
SAMPLES = Identity(
    lakehouse_id="lake-7",
    made_at=datetime(2025, 6, 1, tzinfo=UTC),
    made_by="ann",
    is_sample=True,
    note="export 1 of orders",
)


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:8001", "http://127.9.9.9", "http://LOCALHOST:80", "http://db.localhost", "http://[::1]:5"],
)
def test_the_loopback_is_local(endpoint: str) -> None:
    assert is_local(endpoint)
    refuse_samples(LAKE, SAMPLES, "sales", endpoint=endpoint, named=())


@pytest.mark.parametrize(
    "endpoint",
    [
        AWS,
        "http://dynamodb:8000",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.nip.io",
        "http://0.0.0.0",
    ],
)
def test_samples_go_nowhere_else(endpoint: str) -> None:
    assert not is_local(endpoint)
    with pytest.raises(PermanentError, match="sample data is not published to DynamoDB table sales") as refusal:
        refuse_samples(LAKE, SAMPLES, "sales", endpoint=endpoint, named=("other_sales", "lake-8"))
    said = str(refusal.value)
    for words in (endpoint, "lakehouse lake-7 at /lake (export 1 of orders)", "MEDALLION_PUBLISH_SAMPLES=sales"):
        assert words in said


@pytest.mark.parametrize("name", ["sales", "lake-7"])
def test_a_person_may_name_the_table_or_the_lakehouse(name: str) -> None:
    refuse_samples(LAKE, SAMPLES, "sales", endpoint=AWS, named=("another", name))


def test_what_is_no_sample_goes_anywhere() -> None:
    real = Identity(lakehouse_id="lake-7", made_at=SAMPLES.made_at, made_by="ann", is_sample=False)
    refuse_samples(LAKE, real, "sales", endpoint=AWS, named=())


def test_tables_have_the_prefix_and_the_keys_of_their_contract() -> None:
    days, items = (
        serving_table(SALES_METRICS, "staging_"),
        serving_table(LIFETIME_VALUE_METRICS, "staging_"),
    )
    assert (days.name, days.keys, days.must_expire) == (
        "staging_daily_sales_metrics",
        {"metric_date": "S", "row_key": "S"},
        True,
    )
    assert (items.name, items.keys, items.must_expire) == ("staging_customer_ltv_metrics", {"customer_id": "S"}, False)
    assert {name: items.attributes[name] for name in ("customer_id", "last_order_date", "order_count")} == {
        "customer_id": "S",
        "last_order_date": "S",
        "order_count": "N",
    }
    with pytest.raises(PermanentError, match="at most 255 characters"):
        serving_table(SALES_METRICS, "x" * 250)
