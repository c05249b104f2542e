"""Publishing Gold's partitions to DynamoDB, and reading back what readers then find.

Belongs here: which rows of Gold go to which table, and refusing to publish a partition that was never built.
Does not: how a day or an item becomes visible (dynamodb.day_publisher, dynamodb.item_publisher), or Dagster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from medallion_assets.dynamodb.attributes import from_item
from medallion_assets.dynamodb.budgeted_table import BudgetedTable
from medallion_assets.dynamodb.day_publisher import publish_day
from medallion_assets.dynamodb.failures import dynamodb_errors
from medallion_assets.dynamodb.item_publisher import publish_items
from medallion_assets.dynamodb.limiter import CapacityLimiter
from medallion_assets.dynamodb.publisher import Published
from medallion_assets.dynamodb.reader import read_day
from medallion_assets.dynamodb.serving_tables import day_table, ensure_table, item_table
from medallion_assets.dynamodb.watermark import WATERMARK, read_watermark
from medallion_assets.errors import PermanentError, TransientError, UnreadableTableError
from medallion_assets.gold.build import customer_ltv, daily_sales, partition
from medallion_assets.gold.customer_ltv import CUSTOMER_LTV
from medallion_assets.gold.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.lakehouse.delta import Lakehouse, Snapshot
from medallion_assets.serving.customer_ltv_metrics import CUSTOMER_LTV_METRICS, KEY, metrics_item
from medallion_assets.serving.daily_sales_metrics import DAILY_SALES_METRICS, ROW_KEY_COLUMNS, metrics_row
from medallion_assets.silver.enriched_transactions import ENRICHED_TRANSACTIONS

SAMPLE_ROWS = 5
DAYS_TABLE = day_table(DAILY_SALES_METRICS.short_name)
ITEMS_TABLE = item_table(CUSTOMER_LTV_METRICS.short_name, key=KEY)


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """What readers find of what was published. Days and tables that a newer publish overtook are not counted."""

    rows_gold: int
    rows_readable: int
    sample: list[dict[str, object]]


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Publishes from one lakehouse within one budget, on behalf of one run.

    `now` dates pointers and expiries; a table that is missing is made if `creates_tables`.
    """

    client: Any
    lakehouse: Lakehouse
    limiter: CapacityLimiter
    run_id: str
    now: datetime
    creates_tables: bool = False
    progress: Callable[[str], None] = lambda _: None

    @dynamodb_errors("publishing", DAYS_TABLE.name)
    def daily_sales(self, days: Sequence[date]) -> dict[date, Published]:
        """Publish the summaries of some days, each whole or not at all (rule P1).

        Raises:
            PermanentError: Silver has sales of a day that Gold has not built; the table is missing; DynamoDB refuses.
            TransientError: DynamoDB gave no answer or no capacity.
        """
        ensure_table(self.client, DAYS_TABLE, creates=self.creates_tables)
        gold = self.lakehouse.open(DAILY_SALES_SUMMARY)
        return {day: self._publish_day(gold, day) for day in days}

    @dynamodb_errors("publishing", ITEMS_TABLE.name)
    def customer_ltv(self, as_of: date) -> dict[date, Published]:
        """Publish the lifetime values as of a day: what differs from those that are published (rule P2).

        Raises:
            PermanentError: Silver has sales up to that day, and Gold has not built it (or keeps it no more); the table
                is missing; DynamoDB refuses.
            TransientError: DynamoDB gave no answer or no capacity.
        """
        table_name, gold = CUSTOMER_LTV_METRICS.short_name, self.lakehouse.open(CUSTOMER_LTV)
        rows = partition(gold, as_of)
        if rows.is_empty():
            _expect_nothing(gold, as_of, next(customer_ltv(self.lakehouse.open(ENRICHED_TRANSACTIONS), [as_of])))
        ensure_table(self.client, ITEMS_TABLE, creates=self.creates_tables)
        watermark = read_watermark(self.client, table_name)
        published = publish_items(
            self.client,
            table_name=table_name,
            key=KEY,
            rows=[metrics_item(row) for row in rows.to_dicts()],
            previous_rows=_rows_at(self.lakehouse, watermark),
            previous_watermark=watermark,
            as_of=as_of,
            version=gold.version,
            run_id=self.run_id,
            limiter=self.limiter,
            now=self.now,
            progress=self._tenths(f"{table_name} as of {as_of}", rows.height),
        )
        return {as_of: published}

    def _publish_day(self, gold: Snapshot, day: date) -> Published:
        rows = partition(gold, day)
        if rows.is_empty():
            _expect_nothing(gold, day, daily_sales(self.lakehouse.open(ENRICHED_TRANSACTIONS), [day]))
        return publish_day(
            self.client,
            table_name=DAILY_SALES_METRICS.short_name,
            day=day,
            version=gold.version,
            rows=[metrics_row(row) for row in rows.to_dicts()],
            key_columns=ROW_KEY_COLUMNS,
            run_id=self.run_id,
            limiter=self.limiter,
            now=self.now,
            progress=self._tenths(f"{DAILY_SALES_METRICS.short_name} of {day}", rows.height),
        )

    def _tenths(self, what: str, total: int) -> Callable[[int], None]:
        """Tell about every tenth of the way."""
        step = max(total // 10, 1)

        def tell(done: int) -> None:
            if done % step == 0 or done == total:
                self.progress(f"{what}: {done:,} of {total:,} items written")

        return tell


@dynamodb_errors("reading back", DAYS_TABLE.name)
def read_back_daily_sales(publisher: Publisher, published: Mapping[date, Published]) -> ReadBack:
    """Read the published days as an API does. A day that does not show all its rows counts as unreadable."""
    gold = publisher.lakehouse.open(DAILY_SALES_SUMMARY)
    expected = readable = 0
    sample: list[dict[str, object]] = []
    for day in _counted(published):
        expected += partition(gold, day).height
        try:
            rows = read_day(publisher.client, DAILY_SALES_METRICS.short_name, day)
        except TransientError:
            continue  # a reader gets this error as well: it sees nothing of the day
        readable += len(rows)
        sample = rows[:SAMPLE_ROWS]
    return ReadBack(rows_gold=expected, rows_readable=readable, sample=sample)


@dynamodb_errors("reading back", ITEMS_TABLE.name)
def read_back_customer_ltv(publisher: Publisher, published: Mapping[date, Published]) -> ReadBack:
    """Count the customers that an API can read, against the partition that was published."""
    gold = publisher.lakehouse.open(CUSTOMER_LTV)
    table = BudgetedTable(publisher.client, CUSTOMER_LTV_METRICS.short_name, publisher.limiter)
    expected = readable = 0
    sample: list[dict[str, object]] = []
    for as_of in _counted(published):
        expected += partition(gold, as_of).height
        for item in table.scan():
            if item[KEY]["S"] == WATERMARK:
                continue
            readable += 1
            if len(sample) < SAMPLE_ROWS:
                sample.append(from_item(item))
    return ReadBack(rows_gold=expected, rows_readable=readable, sample=sample)


def _counted(published: Mapping[date, Published]) -> list[date]:
    return [day for day, one in published.items() if one.outcome != "superseded"]


def _expect_nothing(gold: Snapshot, day: date, recomputed: pl.DataFrame) -> None:
    """An empty partition may be published when it is right to be empty, and not when it was never built."""
    if not recomputed.is_empty():
        raise PermanentError(
            f"{gold.table.name} has no partition {day}",
            expected=f"{recomputed.height:,} rows, as Silver has sales",
            found="none",
            do=f"run {gold.table.path} for {day} first",
        )


def _rows_at(lakehouse: Lakehouse, watermark: tuple[date, int] | None) -> list[dict[str, object]] | None:
    """The items that the watermark stands for; None when there are none, or Gold has forgotten that version."""
    if watermark is None:
        return None
    as_of, version = watermark
    try:
        gold = lakehouse.open(CUSTOMER_LTV, version=version)
        return [metrics_item(row) for row in partition(gold, as_of).to_dicts()]
    except (UnreadableTableError, OSError, TransientError):
        return None
