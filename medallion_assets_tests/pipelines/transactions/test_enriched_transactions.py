"""Enrichment takes the customer as of the transaction; a change of customers touches exactly its times (rule H2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import narwhals as nw
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.enriched_transactions import (
    BEGINNING_OF_TIME,
    ENRICHED_TRANSACTIONS,
    affected_days,
    changed_periods,
    customer_periods,
    enrich,
)
from medallion_assets_tests.properties.examples import examples

TRANSACTION_SCHEMA = {
    "transaction_id": pl.String,
    "customer_id": pl.String,
    "transaction_at": pl.Datetime("us", "UTC"),
    "transaction_date": pl.Date,
    "amount": pl.Decimal(18, 4),
    "currency": pl.String,
    "product_id": pl.String,
    "product_category": pl.String,
    "quantity": pl.Int64,
    "payment_method": pl.String,
    "status": pl.String,
    "is_deleted": pl.Boolean,
    "_sequence_micros": pl.Int64,
    "_export_id": pl.String,
}
CUSTOMER_SCHEMA = {
    "customer_id": pl.String,
    "customer_segment": pl.String,
    "region": pl.String,
    "valid_from": pl.Datetime("us", "UTC"),
    "valid_to": pl.Datetime("us", "UTC"),
    "is_current": pl.Boolean,
    "is_deleted": pl.Boolean,
}

Version = tuple[str, int, str, str]
"""customer_id, valid_from (hours into HOUR_0's day), segment, region."""

HOUR_0 = datetime(2025, 3, 1, tzinfo=UTC)


def hour(number: int) -> datetime:
    return HOUR_0 + timedelta(hours=number)


def customers(*rows: Version, ended: int | None = None) -> nw.LazyFrame[Any]:
    """Rows of silver.customers; `ended` is the hour when the last one was deleted. valid_to is not what counts."""
    frame = pl.LazyFrame(
        [
            {
                "customer_id": customer,
                "customer_segment": segment,
                "region": region,
                "valid_from": hour(valid_from),
                "valid_to": hour(ended) if ended is not None else None,
                "is_current": ended is None,
                "is_deleted": ended is not None,
            }
            for customer, valid_from, segment, region in rows
        ],
        schema=CUSTOMER_SCHEMA,
    )
    assert set(CUSTOMER_SCHEMA) <= set(CUSTOMERS.column_names)
    return nw.from_native(frame)


def transactions(*rows: tuple[str, str | None, int | None]) -> nw.LazyFrame[Any]:
    """Rows of silver.customer_transactions: id, customer, hour; without an hour a tombstone."""
    frame = pl.LazyFrame(
        [
            {
                "transaction_id": name,
                "customer_id": customer,
                "transaction_at": None if at is None else hour(at),
                "transaction_date": None if at is None else hour(at).date(),
                "is_deleted": at is None,
            }
            for name, customer, at in rows
        ],
        schema=TRANSACTION_SCHEMA,
    )
    assert list(TRANSACTION_SCHEMA) == list(CUSTOMER_TRANSACTIONS.column_names)
    return nw.from_native(frame)


def rows_of(frame: nw.LazyFrame[Any], *columns: str) -> list[tuple[Any, ...]]:
    native: pl.DataFrame = frame.collect().to_native()
    return sorted(native.select(columns).rows(), key=str)


def test_the_contract_is_the_transactions_plus_segment_and_region() -> None:
    """No tombstone column, nothing internal, and nothing that is decoded from an item."""
    assert ENRICHED_TRANSACTIONS.column_names == (
        *CUSTOMER_TRANSACTIONS.column_names[:-3],
        "customer_segment",
        "region",
    )
    assert ENRICHED_TRANSACTIONS.decoded_columns == ()


def test_the_version_at_the_transaction_counts_and_before_the_first_the_first() -> None:
    """Rule H2: the greatest valid_from <= transaction_at, else the first version."""
    known = customers(("c1", 20, "gold", "west"), ("c1", 10, "basic", "west"))
    sold = transactions(("t1", "c1", 1), ("t2", "c1", 10), ("t3", "c1", 19), ("t4", "c1", 20), ("t5", "c1", 900))
    assert rows_of(enrich(sold, customer_periods(known)), "transaction_id", "customer_segment") == [
        ("t1", "basic"),
        ("t2", "basic"),
        ("t3", "basic"),
        ("t4", "gold"),
        ("t5", "gold"),
    ]


def test_a_deleted_customer_still_counts_as_what_they_were() -> None:
    """Rule H2: "deleted or not", also after the delete."""
    gone = customers(("c1", 10, "gold", "west"), ended=15)
    enriched = enrich(transactions(("t1", "c1", 12), ("t2", "c1", 30)), customer_periods(gone))
    assert rows_of(enriched, "transaction_id", "customer_segment", "region") == [
        ("t1", "gold", "west"),
        ("t2", "gold", "west"),
    ]


def test_a_customer_without_versions_is_unknown() -> None:
    """Rule H2."""
    enriched = enrich(transactions(("t1", "c9", 12)), customer_periods(customers(("c1", 10, "gold", "west"))))
    assert rows_of(enriched, "transaction_id", "customer_segment", "region") == [("t1", "unknown", "unknown")]


def test_tombstones_do_not_leak_and_the_schema_is_the_contract() -> None:
    """Rule K3."""
    enriched = enrich(transactions(("t1", "c1", 12), ("t2", None, None)), customer_periods(customers()))
    native: pl.DataFrame = enriched.collect().to_native()
    assert native["transaction_id"].to_list() == ["t1"]
    assert native.columns == list(ENRICHED_TRANSACTIONS.column_names)
    assert native.schema["amount"] == pl.Decimal(18, 4)


def test_periods_tile_all_time() -> None:
    """Rule H2: none missing, none twice."""
    periods = customer_periods(
        customers(("c1", 10, "basic", "west"), ("c1", 20, "gold", "west"), ("c2", 5, "gold", "east"), ended=7)
    )
    assert rows_of(periods, "customer_id", "customer_segment", "applies_from", "applies_to") == [
        ("c1", "basic", BEGINNING_OF_TIME, hour(20)),
        ("c1", "gold", hour(20), None),
        ("c2", "gold", BEGINNING_OF_TIME, None),
    ]


CHANGED = ("customer_id", "starts_at", "ends_at")


def test_a_late_version_changes_the_time_until_the_next_one() -> None:
    """Rule H2: a version at 15 that arrives late counts from 15 to 20."""
    before = (("c1", 10, "basic", "west"), ("c1", 20, "gold", "west"), ("c2", 1, "basic", "east"))
    changed = changed_periods(customers(*before), customers(*before, ("c1", 15, "plus", "west")))
    assert rows_of(changed, *CHANGED) == [("c1", hour(15), hour(20))]


def test_an_earlier_first_version_changes_the_beginning_of_time_too() -> None:
    """Rule H2: the first version counts before itself as well."""
    before = ("c1", 10, "basic", "west")
    changed = changed_periods(customers(before), customers(before, ("c1", 5, "plus", "west")))
    assert rows_of(changed, *CHANGED) == [("c1", BEGINNING_OF_TIME, hour(10))]


def test_new_and_vanished_customers_change_all_their_time() -> None:
    """Rule H2: from `unknown`, or to it."""
    both = customers(("c1", 10, "basic", "west"), ("c1", 20, "gold", "west"))
    whole = [("c1", BEGINNING_OF_TIME, None)]
    assert rows_of(changed_periods(customers(), both), *CHANGED) == whole
    assert rows_of(changed_periods(both, customers()), *CHANGED) == whole


def test_a_version_that_changes_neither_segment_nor_region_changes_no_time() -> None:
    """Rule H3: only what transactions take counts; a delete takes nothing away (rule H2)."""
    before = ("c1", 10, "basic", "west")
    assert rows_of(changed_periods(customers(before), customers(before, ("c1", 15, "basic", "west"))), *CHANGED) == []
    assert rows_of(changed_periods(customers(before), customers(before, ended=20)), *CHANGED) == []


def test_only_days_with_live_transactions_in_the_changed_time_are_affected() -> None:
    """Rule H3: the start counts, the end does not."""
    before, after = customers(("c1", 0, "a", "west")), customers(("c1", 0, "a", "west"), ("c1", 24, "b", "west"))
    reverted = customers(("c1", 0, "a", "west"), ("c1", 24, "b", "west"), ("c1", 72, "a", "west"))
    sold = transactions(
        ("t0", "c1", 23), ("t1", "c1", 24), ("t2", "c2", 50), ("t3", "c1", 72), ("t3b", "c1", 73), ("t4", None, None)
    )
    assert rows_of(affected_days(sold, changed_periods(before, after)), "transaction_date") == [
        (date(2025, 3, 2),),
        (date(2025, 3, 4),),
    ]
    assert rows_of(affected_days(sold, changed_periods(before, reverted)), "transaction_date") == [(date(2025, 3, 2),)]


MOMENTS = range(10)
CUSTOMER_IDS = ("c1", "c2")

states = st.lists(
    st.tuples(
        st.sampled_from(CUSTOMER_IDS),
        st.integers(1, 8),
        st.sampled_from(["x", "y", "unknown"]),
        st.sampled_from(["w", "e"]),
    ),
    max_size=8,
    unique_by=lambda version: version[:2],
)


def as_of(versions: list[Version], customer: str, at: int) -> tuple[str, str]:
    """Rule H2, word by word."""
    own = sorted((valid_from, segment, region) for name, valid_from, segment, region in versions if name == customer)
    if not own:
        return ("unknown", "unknown")
    _, segment, region = ([version for version in own if version[0] <= at] or own[:1])[-1]
    return (segment, region)


@examples(100)
@given(states)
def test_every_moment_has_the_attributes_that_plain_python_finds(versions: list[Version]) -> None:
    """Rule H2: one row out for each row in, at every moment of every customer."""
    sold = transactions(*((f"{customer}@{at}", customer, at) for customer in CUSTOMER_IDS for at in MOMENTS))
    enriched = enrich(sold, customer_periods(customers(*versions)))
    assert rows_of(enriched, "transaction_id", "customer_segment", "region") == [
        (f"{customer}@{at}", *as_of(versions, customer, at)) for customer in CUSTOMER_IDS for at in MOMENTS
    ]


@examples(150)
@given(states, states)
def test_changed_periods_hold_exactly_the_moments_that_differ(before: list[Version], after: list[Version]) -> None:
    """Rules H2 and H3: brute force over every moment; and the stretches are as long as they can be."""
    found = rows_of(changed_periods(customers(*before), customers(*after)), *CHANGED)
    for customer in CUSTOMER_IDS:
        own = [(start, end) for name, start, end in found if name == customer]
        for at in MOMENTS:
            covering = [1 for start, end in own if start <= hour(at) and (end is None or hour(at) < end)]
            assert len(covering) == (as_of(before, customer, at) != as_of(after, customer, at))
        starts, ends = {start for start, _ in own}, {end for _, end in own}
        assert not starts & ends
