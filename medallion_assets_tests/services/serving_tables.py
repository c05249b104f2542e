"""Both serving tables, made for one test, in whatever answers as DynamoDB."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from medallion_assets.publishing.serving_tables import day_table, ensure_table, item_table


@dataclass(frozen=True)
class ServingTables:
    """A client, and the names of a table of days and a table of items (key `customer_id`) that only this test uses."""

    client: Any
    days: str
    items: str


def make_serving_tables(client: Any) -> ServingTables:
    """New, empty tables under names that nobody else has."""
    name = uuid.uuid4().hex
    tables = ServingTables(client=client, days=f"days-{name}", items=f"items-{name}")
    ensure_table(client, day_table(tables.days), creates=True)
    ensure_table(client, item_table(tables.items, keys=["customer_id"]), creates=True)
    return tables
