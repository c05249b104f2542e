"""The shop's four tables: their columns and what makes a row of them bad (rules T1 to T5).

Belongs here: the tables that files tell of.
Does not: files (files.py), or what is made of the tables (star.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from medallion_assets_tests.oracle.decode import BadValueError, Row, integer, money, text, timestamp
from medallion_assets_tests.oracle.files import FileField, FileTable

STATUSES = {"completed", "shipped", "pending", "cancelled", "returned"}


def title(payload: str, moment: datetime) -> str | None:
    """Trimmed; the first letter of every run of letters large, the others small (rule T3)."""
    trimmed = text()(payload, moment)
    return None if trimmed is None else trimmed.title()


def share(payload: str, moment: datetime) -> Decimal:
    """Decimal(5,4)."""
    value = money(payload, moment)
    if abs(value) >= 10:
        raise BadValueError("out_of_range")
    return value


def _order_rules(row: Row) -> set[str]:
    return {"status_unknown"} if "status" in row and row["status"] not in STATUSES else set()


def _line_rules(row: Row) -> set[str]:
    outside = {
        "line_number": row.get("line_number", 1) < 1,
        "quantity": not 1 <= row.get("quantity", 1) <= 100_000,
        "unit_price": not 0 <= row.get("unit_price", 0) < 1_000_000_000,
        "discount": not 0 <= row.get("discount", 0) <= 1,
    }
    return {f"{name}_out_of_range" for name, is_outside in outside.items() if is_outside}


def _codes(*names: str) -> tuple[FileField, ...]:
    return tuple(FileField(name, text(case="lower")) for name in names)


KEY: Callable[[str, datetime], str | None] = text(trim=False)
CRM_CUSTOMERS = FileTable(
    "crm_customers",
    ("customer_id",),
    (
        FileField("customer_id", KEY),
        FileField("first_name", title),
        FileField("last_name", title),
        FileField("email", text(), nullable=True),
        FileField("city", text(), missing="Unknown"),
        FileField("country", text()),
        *_codes("segment"),
    ),
)
PRODUCTS = FileTable(
    "products",
    ("product_id",),
    (
        FileField("product_id", KEY),
        FileField("product_name", text()),
        *_codes("category"),
        FileField("list_price", money),
    ),
)
ORDERS = FileTable(
    "orders",
    ("order_id",),
    (
        FileField("order_id", KEY),
        FileField("customer_id", KEY, nullable=True),
        *_codes("status"),
        FileField("ordered_at", timestamp),
    ),
    _order_rules,
    day="order_date",
)
ORDER_LINES = FileTable(
    "order_lines",
    ("order_id", "line_number"),
    (
        FileField("order_id", KEY),
        FileField("line_number", integer),
        FileField("product_id", KEY, nullable=True),
        FileField("quantity", integer),
        FileField("unit_price", money),
        FileField("discount", share),
        FileField("ordered_at", timestamp),
    ),
    _line_rules,
    day="order_date",
)
SHOP = (CRM_CUSTOMERS, PRODUCTS, ORDERS, ORDER_LINES)
