"""The figures: sales of a day, and what a customer is worth as of a day (rules G1 to G4).

Belongs here: arithmetic on enriched transactions.
Does not: which days are kept or restated (rule G5 is about work, not about values).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from medallion_assets_tests.oracle.decode import Row

_ZERO = Decimal("0.0000")
GROUP = ("transaction_date", "product_category", "customer_segment", "region")


def quotient(dividend: Decimal, divisor: int) -> Decimal:
    """Divide, half up to 4 decimals; the dividend has at most 4 and is not negative (rule G1)."""
    units = int(dividend.scaleb(4))
    return Decimal((2 * units + divisor) // (2 * divisor)).scaleb(-4)


def _counted(enriched: Sequence[Row]) -> list[Row]:
    """The rows that sales are made of (rule G1)."""
    return [row for row in enriched if row["status"] in {"completed", "refunded"}]


def _money(rows: Iterable[Row]) -> tuple[Decimal, Decimal]:
    """Gross revenue and refunded amount (rule G1)."""
    gross = refunded = _ZERO
    for row in rows:
        gross += row["amount"]
        refunded += row["amount"] if row["status"] == "refunded" else _ZERO
    return gross, refunded


def daily_sales_summary(enriched: Sequence[Row]) -> list[Row]:
    """`gold/daily_sales_summary`, all days, by its group columns (rule G2)."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in _counted(enriched):
        groups.setdefault(tuple(row[name] for name in GROUP), []).append(row)
    summary = []
    for group in sorted(groups, key=lambda group: tuple(map(str, group))):
        rows = groups[group]
        gross, refunded = _money(rows)
        summary.append(
            {
                **dict(zip(GROUP, group, strict=True)),
                "transaction_count": len(rows),
                "customer_count": len({row["customer_id"] for row in rows}),
                "units_sold": sum(row["quantity"] for row in rows),
                "gross_revenue": gross,
                "refunded_amount": refunded,
                "net_revenue": gross - refunded,
                "average_order_value": quotient(gross, len(rows)),
            }
        )
    return summary


def customer_ltv(enriched: Sequence[Row], as_of: date) -> list[Row]:
    """`gold/customer_ltv` of one as_of_date, by customer (rules G3, G4)."""
    orders: dict[str, list[Row]] = {}
    for row in _counted(enriched):
        if row["transaction_date"] <= as_of:
            orders.setdefault(row["customer_id"], []).append(row)
    table = []
    for customer, rows in sorted(orders.items()):
        gross, refunded = _money(rows)
        first = min(row["transaction_date"] for row in rows)
        last = max(row["transaction_date"] for row in rows)
        tenure = (as_of - first).days
        table.append(
            {
                "as_of_date": as_of,
                "customer_id": customer,
                "first_order_date": first,
                "last_order_date": last,
                "order_count": len(rows),
                "lifetime_value": gross - refunded,
                "average_order_value": quotient(gross, len(rows)),
                "recency_days": (as_of - last).days,
                "tenure_days": tenure,
                "orders_per_30_days": quotient(Decimal(len(rows) * 30), max(tenure, 1)),
            }
        )
    for score, measure in (
        ("recency_score", "last_order_date"),
        ("frequency_score", "order_count"),
        ("monetary_score", "lifetime_value"),
    ):
        ranked = sorted(table, key=lambda row, measure=measure: (row[measure], row["customer_id"]))  # type: ignore[misc]
        for rank, row in enumerate(ranked, start=1):
            row[score] = -(-5 * rank // len(table))
    for row in table:
        row["rfm_segment"] = segment(
            recency=row["recency_score"],
            frequency=row["frequency_score"],
            monetary=row["monetary_score"],
            order_count=row["order_count"],
        )
    return table


def segment(*, recency: int, frequency: int, monetary: int, order_count: int) -> str:
    """The first segment that fits (rule G4)."""
    fits = (
        ("champion", min(recency, frequency, monetary) >= 4),
        ("at_risk", recency <= 2 and frequency >= 3),
        ("loyal", frequency >= 4),
        ("new", order_count == 1 and recency >= 4),
        ("lost", recency == 1),
        ("regular", True),
    )
    return next(name for name, does_fit in fits if does_fit)
