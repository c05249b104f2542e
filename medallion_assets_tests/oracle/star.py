"""The star: dimensions, facts and revenue from the states and histories of the shop's tables (rules D1 to D7).

Belongs here: arithmetic on Silver's rows.
Does not: what Silver's rows are (files.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from medallion_assets_tests.oracle.decode import Row
from medallion_assets_tests.oracle.model import micros

NOBODY = "0" * 32
UNKNOWN = "unknown"
BEFORE_ALL = datetime(1900, 1, 1, tzinfo=UTC)
DAYS = (date(1990, 1, 1), date(2039, 12, 31))
_MONDAY, _THURSDAY = 0, 3
_CENTS = Decimal("0.0001")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def dim_customer(versions: Sequence[Row]) -> list[Row]:
    """A row for each version and one for nobody (rules D1, D2). `versions` is a history by key and `valid_from`."""
    columns = ("first_name", "last_name", "city", "country", "segment")
    nobody = {
        "customer_key": NOBODY,
        "customer_id": None,
        **dict.fromkeys(columns, UNKNOWN),
        "valid_from": BEFORE_ALL,
        "valid_to": None,
        "applies_from": BEFORE_ALL,
        "is_current": True,
        "is_deleted": False,
    }
    rows: list[Row] = [nobody]
    for version in versions:
        is_first = rows[-1]["customer_id"] != version["customer_id"]
        rows.append(
            {
                "customer_key": _md5(f"{version['customer_id']}|{micros(version['valid_from'])}"),
                "customer_id": version["customer_id"],
                **{name: version[name] for name in columns},
                "valid_from": version["valid_from"],
                "valid_to": version["valid_to"],
                "applies_from": BEFORE_ALL if is_first else version["valid_from"],
                "is_current": version["is_current"],
                "is_deleted": version["is_deleted"],
            }
        )
    return rows


def dim_product(versions: Sequence[Row]) -> list[Row]:
    """A row for each product that was ever told, with its last values, and one for nothing (rule D4)."""
    last = {version["product_id"]: version for version in versions}
    nothing = {
        "product_key": NOBODY,
        "product_id": None,
        "product_name": UNKNOWN,
        "category": UNKNOWN,
        "list_price": None,
        "is_deleted": False,
    }
    names = ("product_id", "product_name", "category", "list_price", "is_deleted")
    return [
        nothing,
        *({"product_key": _md5(key), **{name: row[name] for name in names}} for key, row in last.items()),
    ]


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    """The number-th weekday of a month; the last one for -1."""
    days = [day for day in _days_of(year) if day.month == month and day.weekday() == weekday]
    return days[number - 1 if number > 0 else number]


def _days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(days=days) for days in range((date(year + 1, 1, 1) - first).days)]


def _holidays(year: int) -> Iterator[tuple[date, str]]:
    """The US federal holidays of a year, as the law has had them since 1990 (5 U.S.C. 6103)."""
    yield _nth(year, 1, _MONDAY, 3), "Martin Luther King Jr. Day"
    yield _nth(year, 2, _MONDAY, 3), "Washington's Birthday"
    yield _nth(year, 5, _MONDAY, -1), "Memorial Day"
    yield _nth(year, 9, _MONDAY, 1), "Labor Day"
    yield _nth(year, 10, _MONDAY, 2), "Columbus Day"
    yield _nth(year, 11, _THURSDAY, 4), "Thanksgiving Day"
    fixed = [(1, 1, "New Year's Day"), (7, 4, "Independence Day"), (11, 11, "Veterans Day"), (12, 25, "Christmas Day")]
    if year >= 2021:
        fixed.append((6, 19, "Juneteenth National Independence Day"))
    for month, day, name in fixed:
        at = date(year, month, day)
        yield at, name
        shift = {5: -1, 6: 1}.get(at.weekday())  # a Saturday's is observed on the Friday, a Sunday's on the Monday
        if shift:
            yield at + timedelta(days=shift), f"{name} (observed)"


def holidays(first: int, last: int) -> dict[date, str]:
    """The holidays of some years, each by its day; New Year's Day of the year behind them may be observed in the last.

    Two of one day stand in alphabetical order, with `; ` between them.
    """
    found: dict[date, list[str]] = {}
    for year in range(first, last + 2):
        for day, name in _holidays(year):
            if first <= day.year <= last:
                found.setdefault(day, []).append(name)
    return {day: "; ".join(sorted(names)) for day, names in found.items()}


def dim_date() -> list[Row]:
    """Every day from 1990 to 2039 (rule D5)."""
    names = holidays(DAYS[0].year, DAYS[1].year)
    return [calendar_day(DAYS[0] + timedelta(days=days), names) for days in range((DAYS[1] - DAYS[0]).days + 1)]


def date_key(day: date) -> int:
    """YYYYMMDD as a number."""
    return day.year * 10_000 + day.month * 100 + day.day


def calendar_day(day: date, holidays: dict[date, str]) -> Row:
    """One day (rule D5)."""
    fiscal_year = day.year if day.month >= 2 else day.year - 1
    iso = day.isocalendar()
    return {
        "date_key": date_key(day),
        "full_date": day,
        "year": day.year,
        "quarter": (day.month + 2) // 3,
        "month": day.month,
        "day": day.day,
        "iso_year": iso.year,
        "iso_week": iso.week,
        "iso_day_of_week": iso.weekday,
        "fiscal_year": fiscal_year,
        "fiscal_week": (day - date(fiscal_year, 2, 1)).days // 7 + 1,
        "day_name": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[day.weekday()],
        "is_weekend": day.weekday() >= 5,
        "holiday": holidays.get(day),
    }


@dataclass(frozen=True)
class Star:
    """The tables of a build, each by its key; `lines_left_out` counts live lines that are no facts (rule D6)."""

    dim_customer: list[Row]
    dim_product: list[Row]
    fct_order_line: list[Row]
    mart_revenue: list[Row]
    lines_left_out: int


def star(*, customers: Sequence[Row], products: Sequence[Row], orders: Sequence[Row], lines: Sequence[Row]) -> Star:
    """The star of the histories of customers and products, and of the states of orders and lines."""
    people, things = dim_customer(customers), dim_product(products)
    facts, left_out = fct_order_line(people, things, orders, lines)
    return Star(people, things, facts, mart_revenue(people, things, facts), left_out)


def fct_order_line(
    people: Sequence[Row], things: Sequence[Row], orders: Sequence[Row], lines: Sequence[Row]
) -> tuple[list[Row], int]:
    """The facts by key, and how many live lines are none (rules D3, D6)."""
    live = {order["order_id"]: order for order in orders if not order["is_deleted"]}
    product_keys = {product["product_id"]: product["product_key"] for product in things}
    facts, left_out = [], 0
    for line in lines:
        if line["is_deleted"]:
            continue
        order = live.get(line["order_id"])
        if order is None or order["order_date"] != line["order_date"]:
            left_out += 1
            continue
        gross = line["quantity"] * line["unit_price"]
        discount = (gross * line["discount"]).quantize(_CENTS, ROUND_HALF_UP)
        facts.append(
            {
                "order_id": line["order_id"],
                "line_number": line["line_number"],
                "order_month": order["order_date"].replace(day=1),
                "order_date": order["order_date"],
                "date_key": date_key(order["order_date"]),
                "ordered_at": order["ordered_at"],
                "customer_key": customer_key(people, order["customer_id"], order["ordered_at"]),
                "product_key": product_keys.get(line["product_id"], NOBODY),
                "customer_id": order["customer_id"],
                "product_id": line["product_id"],
                "status": order["status"],
                "quantity": line["quantity"],
                "unit_price": line["unit_price"],
                "discount": line["discount"],
                "gross_amount": gross,
                "discount_amount": discount,
                "net_amount": gross - discount,
            }
        )
    return facts, left_out


def customer_key(people: Sequence[Row], customer_id: str | None, moment: datetime) -> str:
    """The version that applied at a moment; nobody's where there is none (rule D3)."""
    applied = [row for row in people if row["customer_id"] == customer_id and row["applies_from"] <= moment]
    return str(max(applied, key=lambda row: row["applies_from"])["customer_key"]) if customer_id and applied else NOBODY


def mart_revenue(people: Sequence[Row], things: Sequence[Row], facts: Sequence[Row]) -> list[Row]:
    """What was sold, by month, segment and category (rule D7)."""
    segments = {row["customer_key"]: row["segment"] for row in people}
    categories = {row["product_key"]: row["category"] for row in things}
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for fact in facts:
        if fact["status"] in {"completed", "shipped"}:
            group = fact["order_month"], segments[fact["customer_key"]], categories[fact["product_key"]]
            groups.setdefault(group, []).append(fact)
    return [
        {
            "order_month": month,
            "segment": segment,
            "category": category,
            "line_count": len(rows),
            "order_count": len({row["order_id"] for row in rows}),
            "units_sold": sum(row["quantity"] for row in rows),
            "gross_revenue": sum(row["gross_amount"] for row in rows),
            "net_revenue": sum(row["net_amount"] for row in rows),
        }
        for (month, segment, category), rows in sorted(groups.items())
    ]
