"""Serving tables of one test, in whatever answers as DynamoDB."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from medallion_assets.publishing.tables.serving_tables import day_table, ensure_table, item_table


@dataclass(frozen=True)
class ServingTables:
    """A client, and the names of a table of days and a table of items (key `customer_id`) that only this test uses.

    Each is made when it is first named: most tests need one of them.
    """

    client: Any
    name: str

    @cached_property
    def days(self) -> str:
        ensure_table(self.client, day_table(f"days-{self.name}"), creates=True)
        return f"days-{self.name}"

    @cached_property
    def items(self) -> str:
        ensure_table(self.client, item_table(f"items-{self.name}", keys={"customer_id": "S"}), creates=True)
        return f"items-{self.name}"


def make_serving_tables(client: Any) -> ServingTables:
    """New, empty tables under names that nobody else has."""
    return ServingTables(client=client, name=uuid.uuid4().hex)
