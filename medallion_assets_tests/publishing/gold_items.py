"""Gold's figures of customers, and publishing them as items.

Belongs here: three versions of the figures, and a Gold that publishes what differs from the watermark.
Does not: expectations of any kind, or clients that fail (`faults.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from medallion_assets.publishing.attributes import from_item
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.completeness import Completeness
from medallion_assets.publishing.items.item_publisher import publish_items
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.publisher import VERSIONS, PublishResult
from medallion_assets.publishing.tombstones import is_tombstone
from medallion_assets_tests.publishing.under_way import under_way
from medallion_assets_tests.services.serving_tables import ServingTables

DAY = date(2025, 3, 4)
Figures = Mapping[str, int]
COLUMNS = ("customer_id", "lifetime_value")
START: Figures = {"ann": 1, "bob": 1, "cid": 1, "dan": 1}
OLDER: Figures = {"ann": 2, "bob": 2, "cid": 1, "eve": 2}
"""Changes ann and bob, drops dan, brings eve."""
OURS = ("#watermark", "#owner")
NEWER: Figures = {"ann": 3, "bob": 1, "cid": 3, "dan": 1}
"""Leaves bob and dan as they were at the start, and knows nothing of eve."""


class Gold:
    """Gold's partitions by pair, and publishing them as an asset does: compare with the partition at the watermark."""

    def __init__(self, serving: ServingTables, limiter: CapacityLimiter) -> None:
        self.serving = serving
        self.limiter = limiter
        self.partitions: dict[tuple[date, int], Figures] = {}

    def publish(
        self,
        figures: Figures,
        version: int,
        *,
        as_of: date = DAY,
        client: Any = None,
        generation: int = 0,
        forget: bool = False,
        completeness: Completeness | None = None,
    ) -> PublishResult:
        """With `forget`, Gold no longer has the partition at the watermark."""
        self.partitions.setdefault((as_of, generation * VERSIONS + version), figures)
        watermark = read_watermark(self.serving.client, self.serving.items, keys={"customer_id": "S"})
        return publish_items(
            under_way(
                BudgetedTable(client or self.serving.client, self.serving.items, self.limiter),
                version,
                table_id=f"gold-{generation}",
                generation=generation,
            ),
            rows_of(figures),
            keys={"customer_id": "S"},
            columns=COLUMNS,
            previous_rows=None if watermark is None or forget else rows_of(self.partitions[watermark]),
            previous_watermark=watermark,
            as_of=as_of,
            completeness=completeness,
        )

    @property
    def stored(self) -> dict[str, dict[str, object]]:
        items = self.serving.client.scan(TableName=self.serving.items, ConsistentRead=True)["Items"]
        rows = [from_item(item) for item in items if not is_tombstone(item)]
        return {str(row.pop("customer_id")): row for row in rows if row["customer_id"] not in OURS}

    @property
    def seen(self) -> dict[str, object]:
        return {customer: row["lifetime_value"] for customer, row in self.stored.items()}


def rows_of(figures: Figures) -> Iterable[dict[str, object]]:
    return ({"customer_id": customer, "lifetime_value": Decimal(value)} for customer, value in figures.items())
