"""The oracle's own examples for types and row rules: one attribute, one verdict."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from medallion_assets_tests.oracle.lines import (
    customer,
    full,
    item_line,
    transaction,
    upsert_line,
    window,
)
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, micros
from medallion_assets_tests.oracle.oracle import expected

START = datetime(2025, 3, 8, tzinfo=UTC)


def at(hour: float) -> datetime:
    """A moment, in hours from START."""
    return START + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        # T1
        ("transaction_timestamp", {"S": "2025-03-09T00:01:00.000001Z"}, "timestamp_in_future"),
        ("transaction_timestamp", {"S": "1989-12-31T23:59:59Z"}, "timestamp_too_old"),
        ("transaction_timestamp", {"S": "1990-01-01T00:59:59+01:00"}, "timestamp_too_old"),
        ("transaction_timestamp", {"S": "0001-01-01T00:00:00+01:00"}, "timestamp_too_old"),
        ("transaction_timestamp", {"S": "2025-03-08T00:00:00"}, "timestamp_without_zone"),
        ("transaction_timestamp", {"S": "2025-02-29T00:00:00Z"}, "timestamp_malformed"),
        ("transaction_timestamp", {"S": "2025-03-08T23:59:60Z"}, "timestamp_malformed"),
        ("transaction_timestamp", {"S": "2025-03-08T24:00:00Z"}, "timestamp_malformed"),
        ("transaction_timestamp", {"S": "2025-03-08T00:00:00.1234567Z"}, "timestamp_malformed"),
        ("transaction_timestamp", {"S": " 2025-03-08T00:00:00Z"}, "timestamp_malformed"),
        ("transaction_timestamp", {"S": "2025-03-08T00:00:00+24:00"}, "timestamp_malformed"),
        ("transaction_timestamp", {"S": "2025-03-08 00:00:00Z"}, "timestamp_malformed"),
        # T2
        ("amount", {"N": "1.00001"}, "too_many_decimals"),
        ("amount", {"N": "1E-5"}, "too_many_decimals"),
        ("amount", {"N": "1E14"}, "out_of_range"),
        ("amount", {"N": "12345678901234567890123456789012345678"}, "out_of_range"),
        ("amount", {"N": "NaN"}, "not_a_number"),
        ("amount", {"N": "1_000"}, "not_a_number"),
        ("amount", {"N": " 1"}, "not_a_number"),
        ("amount", {"N": ""}, "not_a_number"),
        ("amount", {"N": "٣"}, "not_a_number"),
        ("amount", {"S": "1"}, "wrong_type"),
        ("amount", {"NULL": True}, "missing"),
        ("amount", None, "missing"),
        ("quantity", {"N": "2.5"}, "too_many_decimals"),
        ("quantity", {"N": "9223372036854775808"}, "out_of_range"),
        ("payment_method", {"N": "1"}, "wrong_type"),
        ("product_id", {"B": "aGk="}, "wrong_type"),
        ("product_id", {"S": " \t"}, "missing"),
        # T4
        ("amount", {"N": "0"}, "amount_out_of_range"),
        ("amount", {"N": "1000000"}, "amount_out_of_range"),
        ("amount", {"N": "99999999999999.9999"}, "amount_out_of_range"),
        ("quantity", {"N": "10001"}, "quantity_out_of_range"),
        ("quantity", {"N": "0"}, "quantity_out_of_range"),
        ("currency", {"S": "EUR"}, "currency_unsupported"),
        ("status", {"S": "done"}, "status_unknown"),
    ],
)
def test_a_bad_attribute_has_its_reason(attribute: str, value: Any, reason: str) -> None:
    """Rules T1, T2, T4, R4: one bad attribute, one reason; the export's moment is 2025-03-09."""
    line = item_line(transaction(**{attribute: value}))
    result = expected([full(TRANSACTIONS, "1", at(24), [line])])
    assert result.quarantine[TRANSACTIONS] == {("1", "a", 1, frozenset({reason}))}
    assert result.silver_transactions == []


def test_a_record_carries_every_reason() -> None:
    """Rule R4: several bad columns, several reasons."""
    line = item_line(transaction(amount={"N": "-1"}, quantity={"S": "1"}, currency={"S": "EUR"}, status=None))
    result = expected([full(TRANSACTIONS, "1", at(24), [line])])
    ((_, _, _, reasons),) = result.quarantine[TRANSACTIONS]
    assert reasons == {"amount_out_of_range", "wrong_type", "currency_unsupported", "missing"}


@pytest.mark.parametrize(
    ("spelling", "value"),
    [("3.0", 3), ("1E2", 100), ("+5", 5), (".5e1", 5), ("5.", 5), ("0.0007E4", 7), ("00012", 12), ("10000.0", 10_000)],
)
def test_numbers_count_by_value(spelling: str, value: int) -> None:
    """Rule T2: spelling does not matter."""
    line = item_line(transaction(amount={"N": spelling}, quantity={"N": spelling}))
    (row,) = expected([full(TRANSACTIONS, "1", at(24), [line])]).silver_transactions
    assert (row["amount"], row["quantity"]) == (Decimal(value), value)


def test_codes_are_normalised_and_keys_are_not() -> None:
    """Rule T3, and a nullable text with nothing in it is null."""
    item = transaction(
        " T1 ",
        customer_id={"S": " C1 "},
        currency={"S": " usd "},
        product_id={"S": " P1 "},
        product_category={"S": "\tÉlectro"},
        payment_method={"S": "  "},
        status={"S": "Completed\n"},
    )
    (row,) = expected([full(TRANSACTIONS, "1", at(24), [item_line(item)])]).silver_transactions
    assert (row["transaction_id"], row["customer_id"]) == (" T1 ", " C1 ")
    assert (row["currency"], row["product_id"], row["product_category"]) == ("USD", "P1", "électro")
    assert (row["payment_method"], row["status"]) == (None, "completed")


@pytest.mark.parametrize(
    ("spelling", "day"),
    [
        ("2025-03-08T07:59:59.999999Z", date(2025, 3, 7)),
        ("2025-03-08T08:00:00Z", date(2025, 3, 8)),
        ("2025-03-10T06:59:59Z", date(2025, 3, 9)),  # summer time since 2 o'clock on the 9th
        ("2025-03-10T07:00:00Z", date(2025, 3, 10)),
        ("2025-03-09T12:00:00+14:00", date(2025, 3, 8)),
    ],
)
def test_the_business_day_is_los_angeles(spelling: str, day: date) -> None:
    """Rule T5."""
    line = item_line(transaction(transaction_timestamp={"S": spelling}))
    (row,) = expected([full(TRANSACTIONS, "1", at(96), [line])]).silver_transactions
    assert row["transaction_date"] == day


@pytest.mark.parametrize(
    ("spelling", "is_good"),
    [
        ("1989-12-31T23:59:59.999999Z", False),
        ("1990-01-01T00:00:00Z", True),
        ("2025-03-09T00:00:00.000001Z", True),
        ("2025-03-09T00:01:00Z", True),
        ("2025-03-09T02:01:00+02:00", True),
        ("2025-03-09T00:01:00.000001Z", False),
    ],
)
def test_the_future_begins_a_minute_after_the_export(spelling: str, is_good: bool) -> None:
    """Rule T1: from 1990 to exportTime or exportToTime plus 60 s, both ends included."""
    items = [transaction(key, transaction_timestamp={"S": spelling}) for key in ("t1", "t2")]
    exports = [
        full(TRANSACTIONS, "1", at(24), [item_line(items[0])]),
        window(TRANSACTIONS, "2", at(0), at(24), [upsert_line(micros(at(23)), items[1])]),
    ]
    assert len(expected(exports).silver_transactions) == (2 if is_good else 0)


def test_customers_need_a_real_date_a_segment_and_a_region() -> None:
    """Rule T4; name and e-mail may be missing, and an odd e-mail is only a warning."""
    lines = [
        item_line(customer("c1", customer_name=None, email={"S": "a@b@c"})),
        item_line(customer("c2", signup_date={"S": "2025-02-29"})),
        item_line(customer("c3", customer_segment={"S": " "}, region=None)),
    ]
    result = expected([full(CUSTOMERS, "1", at(0), lines)])
    assert [row["customer_id"] for row in result.silver_customers] == ["c1"]
    assert result.quarantine[CUSTOMERS] == {
        ("1", "a", 2, frozenset({"date_malformed"})),
        ("1", "a", 3, frozenset({"missing"})),
    }
