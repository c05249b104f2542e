"""Days of sales, publishing them, and what the serving table then holds of them.

Belongs here: what tests of publishing days have in common.
Does not: expectations of any kind, or clients that fail (`faults.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.completeness import Completeness
from medallion_assets.publishing.days.day_publisher import publish_day
from medallion_assets.publishing.publisher import PublishResult
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.unpublishable import KeyRule
from medallion_assets_tests.publishing.under_way import under_way
from medallion_assets_tests.services.serving_tables import ServingTables

DAY = date(2025, 3, 4)
KEY = ("product_category", "region")
GOLD = "id-of-gold"
Row = Mapping[str, object]


def rows_of(number_of_rows: int, revenue: str) -> list[Row]:
    return [
        {"product_category": f"c{i:03}", "region": "west", "net_revenue": Decimal(revenue)}
        for i in range(number_of_rows)
    ]


def publish(
    serving: ServingTables,
    limiter: CapacityLimiter,
    version: int,
    rows: list[Row],
    *,
    client: Any = None,
    table: str | None = None,
    run_id: str = "run-1",
    day: date = DAY,
    generation: int = 0,
    completeness: Completeness | None = None,
    index_rules: Sequence[KeyRule] = (),
) -> PublishResult:
    return publish_day(
        under_way(
            BudgetedTable(client or serving.client, table or serving.days, limiter),
            version,
            table_id=GOLD,
            generation=generation,
            run_id=run_id,
            index_rules=index_rules,
        ),
        day,
        rows,
        key_columns=KEY,
        completeness=completeness,
    )


def revenues(serving: ServingTables, day: date = DAY) -> list[object]:
    return [row["net_revenue"] for row in read_day(serving.client, serving.days, day)]


def stored(serving: ServingTables, day: date = DAY) -> dict[str, Any]:
    items = serving.client.scan(TableName=serving.days, ConsistentRead=True)["Items"]
    return {item["row_key"]["S"]: item for item in items if item["metric_date"]["S"] == str(day)}
