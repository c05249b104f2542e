"""A lakehouse that sells and publishes, for tests of who may publish to a serving table.

Belongs here: selling, publishing, losing Gold, and what readers and `#owner` say.
Does not: expectations of any kind.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.operations.tables.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import (
    DAILY_SALES,
    LIFETIME_VALUE,
    LIFETIME_VALUE_METRICS,
    SALES_METRICS,
)
from medallion_assets.publishing.adoption import claim_of, hand_over
from medallion_assets.publishing.attributes import from_item
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.serving import Serving
from medallion_assets.publishing.tables.destination import serving_table
from medallion_assets.stages.serving import publisher_of
from medallion_assets_tests.deriving.planting import Sale
from medallion_assets_tests.deriving.test_build import plant
from medallion_assets_tests.pipeline import read_ltv

DAY = date(2025, 3, 10)
EARLIER = DAY - timedelta(days=1)
SALES, LTV = "daily_sales_metrics", "customer_ltv_metrics"
PUBLISHED = [SALES, LTV]


class House:
    """A lakehouse with a day of sales, and a publisher of it."""

    def __init__(self, folder: Path, client: Any, limiter: CapacityLimiter, amount: str = "10") -> None:
        self.lake = Lakehouse(url=str(folder), author={"started_by": "ann"})
        self.publisher = publisher_of(
            self.lake, Serving(creates_tables=True), client, limiter, run_id=folder.name, now=datetime.now(UTC)
        )
        self.sell(amount)

    def sell(self, amount: str, day: date = DAY) -> None:
        """Make one sale all there is, and build Gold."""
        plant(self.lake, Sale(day, amount))
        build(self.lake, DAILY_SALES, [day])
        build(self.lake, LIFETIME_VALUE, [day])

    def publish(self, table: str, day: date = DAY) -> str:
        publisher = replace(self.publisher, now=datetime.now(UTC))
        published = (
            publisher.publish(SALES_METRICS, [day])
            if table == SALES
            else publisher.publish(LIFETIME_VALUE_METRICS, [day])
        )
        return published[day].outcome

    def forget(self, gold: Table) -> None:
        """Move a table away."""
        shutil.rmtree(self.lake.uri(gold))

    def hand_over(self, table: str) -> None:
        """What a person does who means it."""
        gold, publisher = self.lake.open(gold_of(table)), self.publisher
        serving = serving_table(SALES_METRICS if table == SALES else LIFETIME_VALUE_METRICS, "")
        wish = claim_of(self.lake, publisher.identify(), gold, publisher.now, "mended")
        hand_over(BudgetedTable(publisher.client, table, publisher.limiter), serving, wish)

    def forget_commit(self, table: str) -> None:
        """The owner's item as releases left it that noted no commit of Gold."""
        (owner,) = (item for item in self.items(table) if "lakehouse_id" in item)
        kept = {name: value for name, value in owner.items() if not name.startswith("gold_commit")}
        self.publisher.client.put_item(TableName=table, Item=kept)

    def ran(self, run_id: str) -> None:
        attempt = StageAttempt(
            run_id=run_id,
            stage="serving.x",
            attempt=1,
            started_at=datetime.now(UTC),
            duration_seconds=1,
            outcome=Outcome.SUCCEEDED,
        )
        record_attempts(self.lake, [attempt])

    def read(self, table: str) -> int:
        """The money that readers see."""
        client = self.publisher.client
        if table == SALES:
            (row,) = read_day(client, SALES, DAY)
            return int(row["net_revenue"])  # type: ignore[call-overload]
        row = read_ltv(client, LTV, "c1", today=DAY) or {}
        return int(row["lifetime_value"])  # type: ignore[call-overload]

    def owner(self, table: str) -> dict[str, object]:
        return from_item(next(item for item in self.items(table) if "lakehouse_id" in item))

    def items(self, table: str) -> list[Any]:
        items: list[Any] = self.publisher.client.scan(TableName=table)["Items"]
        return items

    def make_it_one_of_before(self, table: str) -> None:
        """Without owner and ids, as releases before rule P5 left it."""
        client, keys = self.publisher.client, ("metric_date", "row_key") if table == SALES else ("customer_id",)
        for item in self.items(table):
            client.delete_item(TableName=table, Key={key: item[key] for key in keys})
            if "lakehouse_id" not in item:
                client.put_item(TableName=table, Item={name: item[name] for name in item if name != "table_id"})


def gold_of(table: str) -> Table:
    return DAILY_SALES_SUMMARY if table == SALES else CUSTOMER_LTV


def house_with(house: House, **options: Any) -> House:
    """The same lakehouse with other settings."""
    other = House.__new__(House)
    other.lake, other.publisher = house.lake, replace(house.publisher, **options)
    return other
