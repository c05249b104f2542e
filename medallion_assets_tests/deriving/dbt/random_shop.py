"""Silver of a shop at random: what the rules of the star have to say of it is all in there, many times.

Belongs here: rows of Silver, by a seed: versions with gaps, moments that meet, tombstones, members that nobody knows.
Does not: what follows from them (oracle/star.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.order_lines import ORDER_LINES
from medallion_assets.pipelines.star_schema.orders import ORDERS, STATUSES
from medallion_assets.pipelines.star_schema.products import PRODUCTS
from medallion_assets_tests.deriving.dbt.planting import plant
from medallion_assets_tests.oracle.decode import Row
from medallion_assets_tests.oracle.star import Star, star

BEGINNING = datetime(2024, 12, 1, tzinfo=UTC)
HOURS = 24 * 120
"""Of four months: on so few hours moments of versions and orders meet."""
SEGMENTS, CATEGORIES = ("retail", "gold", "unknown"), ("home", "toys", "unknown")
NAMES = tuple("ABCDE")


@dataclass
class RandomShop:
    """The rows of the four tables of Silver; those of orders and lines by key."""

    random: Random
    customers: dict[str, list[Row]] = field(default_factory=dict)
    products: dict[str, list[Row]] = field(default_factory=dict)
    orders: dict[str, Row] = field(default_factory=dict)
    lines: dict[tuple[str, int], Row] = field(default_factory=dict)

    def fill(self, *, customers: int = 12, products: int = 6, orders: int = 120) -> RandomShop:
        """Fill it; give it."""
        for number in range(customers):
            self.change_customer(f"c{number}")
        for number in range(products):
            key = f"p{number}"
            values = ({"product_name": self._one(NAMES), "category": self._one(CATEGORIES)} for _ in range(9))
            self.products[key] = [
                {"product_id": key, "list_price": Decimal(self.random.randrange(99)) / 8, **next(values), **version}
                for version in self._versions()
            ]
        for number in range(orders):
            self.change_order(f"o{number}")
        return self

    def change_customer(self, key: str) -> None:
        """Give a customer another history."""
        names = ("first_name", "last_name", "city", "country")
        self.customers[key] = [
            {
                "customer_id": key,
                **{name: self._one(NAMES) for name in names},
                "segment": self._one(SEGMENTS),
                **version,
            }
            for version in self._versions()
        ]

    def change_order(self, key: str) -> None:
        """Give an order other lines, and maybe another day."""
        at = self._moment()
        gone = self.random.random() < 0.1
        customer = self._one((*self.customers, *self.customers, "nobody", None))
        values = {"customer_id": customer, "status": self._one(STATUSES), "ordered_at": at, "order_date": _day(at)}
        self.orders[key] = {"order_id": key, "is_deleted": True} if gone else {"order_id": key, **values}
        for number in range(1, 5):
            self.lines.pop((key, number), None)
            if self.random.random() < 0.6:
                self.lines[key, number] = self._line(key, number, at)

    def plant(self, lakehouse: Lakehouse) -> None:
        """Make it what Silver holds."""
        plant(lakehouse, CRM_CUSTOMERS, *_all(self.customers))
        plant(lakehouse, PRODUCTS, *_all(self.products))
        plant(lakehouse, ORDERS, *self.orders.values())
        plant(lakehouse, ORDER_LINES, *self.lines.values())

    def plant_changes(self, lakehouse: Lakehouse) -> None:
        """Make it what Silver holds, as Silver does: files of days on which nothing changed stay."""
        plant(lakehouse, CRM_CUSTOMERS, *_all(self.customers))
        plant(lakehouse, PRODUCTS, *_all(self.products))
        plant(lakehouse, ORDERS, *self.orders.values(), keeps_days=True)
        plant(lakehouse, ORDER_LINES, *self.lines.values(), keeps_days=True)

    def star(self) -> Star:
        """What follows from it."""
        given = {
            "customers": list(_all(self.customers)),
            "products": list(_all(self.products)),
            "orders": [{"is_deleted": False, **row} for _, row in sorted(self.orders.items())],
            "lines": [{"is_deleted": False, **row} for _, row in sorted(self.lines.items())],
        }
        return star(**given)

    def _line(self, order_id: str, number: int, at: datetime) -> Row:
        key = {"order_id": order_id, "line_number": number}
        if self.random.random() < 0.1:
            return {**key, "is_deleted": True}
        other = at + timedelta(hours=self._one((0, 0, 0, 0, 30)))
        return {
            **key,
            "product_id": self._one((*self.products, *self.products, "nothing", None)),
            "quantity": self._one((1, 2, 3, 100_000)),
            "unit_price": self._one((Decimal(0), Decimal("0.3333"), Decimal("19.99"), Decimal("999999999.9999"))),
            "discount": self._one((Decimal(0), Decimal("0.05"), Decimal("0.3335"), Decimal(1))),
            "ordered_at": other,
            "order_date": _day(other),
        }

    def _versions(self) -> Iterator[dict[str, Any]]:
        """One to four versions; each ends where the next begins, or before that, by a delete."""
        moments = sorted({self._moment() for _ in range(self.random.randint(1, 5))})
        last = len(moments) - 1
        for number, moment in enumerate(moments):
            following = moments[number + 1] if number < last else None
            gone = self.random.random() < 0.25
            ended = moment + (((following or moment + timedelta(days=9)) - moment) / 2) if gone else following
            is_current = number == last and not gone
            yield {"valid_from": moment, "valid_to": ended, "is_current": is_current, "is_deleted": gone}

    def _moment(self) -> datetime:
        return BEGINNING + timedelta(hours=self.random.randrange(HOURS))

    def _one(self, values: Any) -> Any:
        return self.random.choice(values)


def _day(moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(BUSINESS_TIME_ZONE)).date()


def _all(by_key: dict[str, list[Row]]) -> Iterator[Row]:
    return (row for _, rows in sorted(by_key.items()) for row in rows)
