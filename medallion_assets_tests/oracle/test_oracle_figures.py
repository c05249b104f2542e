"""The oracle's own examples for history, enrichment and figures, worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from medallion_assets_tests.oracle import gold
from medallion_assets_tests.oracle.lines import customer, delete_line, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.oracle.oracle import expected


def day(number: int, hour: int = 12) -> datetime:
    """A day of March 2025, at an hour of UTC."""
    return datetime(2025, 3, number, hour, tzinfo=UTC)


def as_of(moment: datetime) -> datetime:
    """S of a full export of that moment (rule R1)."""
    return moment - timedelta(seconds=60)


def in_segment(segment: str, key: str = "c1") -> dict[str, Any]:
    return customer(key, customer_segment={"S": segment})


def sale(key: str, at: datetime, **attributes: Any) -> str:
    return item_line(transaction(key, transaction_timestamp={"S": at.isoformat()}, **attributes))


HISTORY: tuple[ExportInput, ...] = (
    full(CUSTOMERS, "1", day(1), [item_line(in_segment("a"))]),
    window(CUSTOMERS, "2", day(1), day(2), [upsert_line(micros(day(1, 13)), in_segment(" A "))]),
    window(CUSTOMERS, "3", day(2), day(3), [upsert_line(micros(day(2, 13)), in_segment("b"))]),
    full(CUSTOMERS, "4", day(4), [item_line(in_segment("z", "c2"))]),
    window(CUSTOMERS, "5", day(4), day(6), [upsert_line(micros(day(5)), in_segment("b"))]),
    window(CUSTOMERS, "6", day(6), day(7), [delete_line(micros(day(6, 13)), {"customer_id": {"S": "c1"}})]),
)


def test_versions_of_a_customer() -> None:
    """Rule H1: equal states merge, an absence and a delete end a version, a return begins a new one."""
    versions = [
        (row["customer_segment"], row["valid_from"], row["valid_to"], row["is_current"], row["is_deleted"])
        for row in expected(HISTORY).silver_customers
    ]
    assert versions == [
        ("a", as_of(day(1)), day(2, 13), False, False),
        ("b", day(2, 13), as_of(day(4)), False, True),
        ("b", day(5), day(6, 13), False, True),
        ("z", as_of(day(4)), None, True, False),
    ]
    first = expected(HISTORY).silver_customers[0]
    assert (first["_sequence_micros"], first["_export_id"]) == (micros(as_of(day(1))), "1")


FULL = full(CUSTOMERS, "1", day(2), [item_line(in_segment("a"))])
S = micros(as_of(day(2)))
SECOND = 1_000_000


def said(export_id: str, *changes: tuple[float, str | None]) -> ExportInput:
    """A window around FULL's minute with changes of one customer: seconds after its S, and the segment or None."""
    lines = [
        upsert_line(S + int(after * SECOND), in_segment(segment))
        if segment
        else delete_line(S + int(after * SECOND), {"customer_id": {"S": "c1"}})
        for after, segment in changes
    ]
    return window(CUSTOMERS, export_id, day(1), day(3), lines)


def versions(*exports: ExportInput) -> list[tuple[str, float, float | None, str]]:
    """Segment, begin and end in seconds after FULL's S, and the export that the begin comes from."""
    return [
        (
            row["customer_segment"],
            (row["_sequence_micros"] - S) / SECOND,
            row["valid_to"] and (micros(row["valid_to"]) - S) / SECOND,
            row["_export_id"],
        )
        for row in expected(exports).silver_customers
    ]


@pytest.mark.parametrize(
    ("after", "begin"), [(-1e-6, -1e-6), (0, 0), (1e-6, 1e-6), (119, 119), (120, 120), (120.000001, 0), (121, 0)]
)
def test_a_version_that_a_full_export_saw_begins_at_the_record_of_its_two_minutes(after: float, begin: float) -> None:
    """Rule H1: the full export has it at S, but may have seen what was written until two minutes later."""
    export_id = "2" if begin == after else "1"
    assert versions(FULL, said("2", (after, "a"))) == [("a", begin, None, export_id)]
    (row,) = expected([FULL, said("2", (after, "a"))]).silver_customers
    assert micros(row["valid_from"]) == row["_sequence_micros"]


def test_versions_in_the_two_minutes_of_a_full_export() -> None:
    """Rule H1, where the exception does and does not hold.

    What was told before S stays; another state in the two minutes leaves the full export's at S; the earliest record
    counts; of two full exports the first one's two minutes do; and what is new in the full export, or has come back in
    it, is as old as the record that says so.
    """
    assert versions(FULL, said("2", (-500, "a")), said("3", (30, "a"))) == [("a", -500, None, "2")]
    assert versions(FULL, said("2", (30, "b"))) == [("a", 0, 30, "1"), ("b", 30, None, "2")]
    assert versions(FULL, said("2", (50, "a")), said("3", (30, "a"))) == [("a", 30, None, "3")]
    again = full(CUSTOMERS, "4", day(2) + timedelta(seconds=100), [item_line(in_segment("a"))])
    assert versions(FULL, again, said("2", (110, "a"))) == [("a", 110, None, "2")]
    assert versions(FULL, again, said("2", (130, "a"))) == [("a", 0, None, "1")]
    assert versions(FULL, said("2", (-500, "b")), said("3", (30, "a"))) == [("b", -500, 30, "2"), ("a", 30, None, "3")]
    assert versions(FULL, said("2", (-500, "a")), said("3", (-400, None)), said("5", (30, "a"))) == [
        ("a", -500, -400, "2"),
        ("a", 30, None, "5"),
    ]


@pytest.mark.parametrize(("after", "end"), [(-1, -1), (0, 0), (1e-6, 1e-6), (120, 120), (120.000001, 0), (121, 0)])
def test_a_version_that_a_full_export_lacks_ends_at_the_delete_of_its_two_minutes(after: float, end: float) -> None:
    """Rule H1: what is absent at S may have been deleted until two minutes later, as the record says."""
    absent = full(CUSTOMERS, "1", day(2), [])
    assert versions(absent, said("2", (-500, "a")), said("3", (after, None))) == [("a", -500, end, "2")]


def test_a_delete_of_an_unknown_customer_makes_no_version() -> None:
    """Rule H1: versions come from upserts only."""
    change = window(CUSTOMERS, "2", day(1), day(2), [delete_line(micros(day(1)), {"customer_id": {"S": "c1"}})])
    assert expected([full(CUSTOMERS, "1", day(1), []), change]).silver_customers == []


def test_a_state_that_is_older_but_arrives_in_a_later_export_splits_no_version_of_its_own_kind() -> None:
    """Rule H1: a run of equal states is one version from its earliest record, whichever export that came in."""
    early = window(CUSTOMERS, "2", day(1), day(2), [upsert_line(micros(day(1, 13)), in_segment("a"))])
    exports = [full(CUSTOMERS, "3", day(3), [item_line(in_segment("a"))]), early]
    ((row),) = expected(exports).silver_customers
    assert (row["valid_from"], row["_export_id"]) == (day(1, 13), "2")


def test_a_transaction_sees_the_customer_of_its_time() -> None:
    """Rule H2: at the edge the new version; before all the first; after a delete the last; no customer: unknown."""
    lines = [
        sale("at_edge", day(2, 13)),
        sale("before_all", datetime(2025, 2, 1, tzinfo=UTC)),
        sale("before_edge", day(2)),
        sale("after_delete", day(4, 13)),
        sale("stranger", day(2), customer_id={"S": "c9"}),
    ]
    enriched = expected([*HISTORY, full(TRANSACTIONS, "7", day(9), lines)]).enriched
    assert {row["transaction_id"]: (row["customer_segment"], row["region"]) for row in enriched} == {
        "at_edge": ("b", "west"),
        "before_all": ("a", "west"),
        "before_edge": ("a", "west"),
        "after_delete": ("b", "west"),
        "stranger": ("unknown", "unknown"),
    }
    assert not any(name == "is_deleted" or name.startswith("_") for row in enriched for name in row)


def test_deleted_transactions_are_not_enriched() -> None:
    """Rules K3, H2: a tombstone is for Silver alone."""
    exports = [
        full(TRANSACTIONS, "1", day(1), [sale("t1", day(1))]),
        full(TRANSACTIONS, "2", day(2), [sale("t2", day(1))]),
    ]
    result = expected(exports)
    assert [row["is_deleted"] for row in result.silver_transactions] == [True, False]
    assert [row["transaction_id"] for row in result.enriched] == ["t2"]


def test_sales_of_a_day() -> None:
    """Rules G1, G2: completed and refunded count, the quotient rounds half up."""
    lines = [
        sale("t1", day(8), amount={"N": "10.0001"}, quantity={"N": "3"}),
        sale("t2", day(8), amount={"N": "4"}, status={"S": "refunded"}),
        sale("t3", day(8), amount={"N": "99"}, status={"S": "pending"}),
        sale("t4", day(8), amount={"N": "99"}, status={"S": "cancelled"}),
        sale("t5", day(8), product_category={"S": "toys"}, customer_id={"S": "c2"}),
    ]
    books, toys = expected([full(TRANSACTIONS, "1", day(9), lines)]).daily_sales_summary
    assert books == {
        "transaction_date": date(2025, 3, 8),
        "product_category": "books",
        "customer_segment": "unknown",
        "region": "unknown",
        "transaction_count": 2,
        "customer_count": 1,
        "units_sold": 4,
        "gross_revenue": Decimal("14.0001"),
        "refunded_amount": Decimal(4),
        "net_revenue": Decimal("10.0001"),
        "average_order_value": Decimal("7.0001"),  # 7.00005
    }
    assert (toys["product_category"], toys["gross_revenue"]) == ("toys", 10)


def test_quotients_round_half_up() -> None:
    """Rule G1: never half to even."""
    assert gold.quotient(Decimal("0.0005"), 2) == Decimal("0.0003")
    assert gold.quotient(Decimal(1), 3) == Decimal("0.3333")
    assert gold.quotient(Decimal(2), 3) == Decimal("0.6667")


def test_what_a_customer_is_worth_as_of_a_day() -> None:
    """Rules G3, G4: later days do not count; two customers share the ranks 1 and 2, the scores 3 and 5."""
    lines = [
        sale("t1", day(1), amount={"N": "10"}),
        sale("t2", day(8), amount={"N": "5"}, status={"S": "refunded"}),
        sale("t3", day(8), amount={"N": "10"}, customer_id={"S": "c2"}),
        sale("t4", day(10), amount={"N": "100"}),
        sale("t5", day(8), amount={"N": "100"}, customer_id={"S": "c3"}, status={"S": "pending"}),
    ]
    result = expected([full(TRANSACTIONS, "1", day(11), lines)])
    first, second = result.customer_ltv(date(2025, 3, 9))
    assert first == {
        "as_of_date": date(2025, 3, 9),
        "customer_id": "c1",
        "first_order_date": date(2025, 3, 1),
        "last_order_date": date(2025, 3, 8),
        "order_count": 2,
        "lifetime_value": Decimal(10),
        "average_order_value": Decimal("7.5"),
        "recency_days": 1,
        "tenure_days": 8,
        "orders_per_30_days": Decimal("7.5"),
        "recency_score": 3,
        "frequency_score": 5,
        "monetary_score": 3,
        "rfm_segment": "loyal",
    }
    assert (second["order_count"], second["orders_per_30_days"], second["lifetime_value"]) == (1, 30, 10)
    assert (second["recency_score"], second["frequency_score"], second["monetary_score"]) == (5, 3, 5)
    assert second["rfm_segment"] == "new"
    assert result.customer_ltv(date(2025, 2, 28)) == []
    assert [row["lifetime_value"] for row in result.customer_ltv(date(2025, 3, 10))] == [110, 10]


def test_scores_of_six_customers() -> None:
    """Rule G4: ceil(5 r / 6) for r from 1 to 6 is 1, 2, 3, 4, 5, 5; equal measures rank by customer_id."""
    lines = [sale(f"t{number}", day(8), customer_id={"S": f"c{number}"}) for number in range(1, 7)]
    table = expected([full(TRANSACTIONS, "1", day(9), lines)]).customer_ltv(date(2025, 3, 8))
    assert [row["recency_score"] for row in table] == [1, 2, 3, 4, 5, 5]
    assert [row["rfm_segment"] for row in table] == ["lost", "regular", "regular", "champion", "champion", "champion"]


@pytest.mark.parametrize(
    ("recency", "frequency", "monetary", "order_count", "segment"),
    [
        (4, 4, 4, 1, "champion"),
        (2, 3, 5, 2, "at_risk"),
        (3, 4, 5, 2, "loyal"),
        (4, 3, 3, 1, "new"),
        (4, 3, 3, 2, "regular"),
        (1, 2, 5, 1, "lost"),
        (2, 2, 2, 1, "regular"),
    ],
)
def test_segments(recency: int, frequency: int, monetary: int, order_count: int, segment: str) -> None:
    """Rule G4: the first that fits."""
    found = gold.segment(recency=recency, frequency=frequency, monetary=monetary, order_count=order_count)
    assert found == segment
