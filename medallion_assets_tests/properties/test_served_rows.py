"""Rules P1, P2, P4: readers of DynamoDB find what Gold says, whatever the customers are called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from medallion_assets.deriving.build import build
from medallion_assets.pipelines.transactions.pipeline import (
    DAILY_SALES,
    LIFETIME_VALUE,
    LIFETIME_VALUE_METRICS,
    SALES_METRICS,
)
from medallion_assets.publishing.attributes import from_item
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.serving import Serving
from medallion_assets.stages.serving import publisher_of
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.decode import Row
from medallion_assets_tests.oracle.lines import delete_line, full, item_line, key_of, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.oracle.oracle import expected
from medallion_assets_tests.oracle.serving import (
    DayPublish,
    LtvPublish,
    days,
    lifetime_values,
    partition_key,
)
from medallion_assets_tests.pipeline import read_ltv
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.publishing.fake_clock import FakeClock

START = datetime(2025, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
TODAY = date(2025, 4, 1)
OURS = {"#watermark", "#owner"}
DAILY, LTV = "daily_sales_metrics", "customer_ltv_metrics"
CUSTOMERS = st.sampled_from(
    [
        *("c1", "c2", "#watermark", "#owner", "%23watermark", "%", "#", "50%", "a#b", "a%b#c", "#current", " c1"),
        *("é" * 1024, "é" * 1024 + "x", "#" + "x" * 2045, "#" + "x" * 2046, "%" * 682, "%" * 683),
    ]
)
"""On both sides of 2,048 bytes among them."""
CATEGORIES = st.sampled_from(["books", "to#ys", "%", "x" * 995, "x" * 996, "é" * 497, "é" * 498, "#" * 331, "#" * 332])
"""On both sides of a sort key of 1,024 bytes."""
SALES = st.fixed_dictionaries(
    {
        "customer_id": CUSTOMERS,
        "product_category": CATEGORIES,
        "transaction_timestamp": st.sampled_from(["2025-03-08T12:00:00Z", "2025-03-09T12:00:00Z"]),
        "status": st.sampled_from(["completed", "completed", "refunded", "pending"]),
    }
)
STATES = st.dictionaries(st.sampled_from(["t1", "t2", "t3", "t4", "t5"]), SALES, max_size=5)
"""What the table holds: sales by transaction id."""
AS_OF = st.sampled_from([date(2025, 3, 10), date(2025, 3, 11)])


@dataclass
class Served:
    """A lakehouse that publishes to a DynamoDB of its own."""

    lakehouse: pipeline.Lakehouse  # type: ignore[name-defined]
    client: Any

    def publish(self, as_of: date, sales_days: list[date], now: datetime) -> None:
        """Publish every day of sales, and the lifetime values as of a day."""
        clock = FakeClock()
        limiter = CapacityLimiter(500, clock=clock, sleep=clock.sleep, random=Random(7))
        place, run_id = Serving(creates_tables=True), f"run-{now:%H}"
        publisher = publisher_of(self.lakehouse, place, self.client, limiter, run_id=run_id, now=now)
        if sales_days:
            publisher.publish(SALES_METRICS, sales_days)
        publisher.publish(LIFETIME_VALUE_METRICS, [as_of])

    def customers(self) -> dict[str, Row]:
        """Every item that is not ours, by customer."""
        items = self.client.scan(TableName=LTV, ConsistentRead=True)["Items"]
        rows = [from_item(item) for item in items if item["customer_id"]["S"] not in OURS]
        return {unquote(str(row["customer_id"])): row for row in rows}


def history(states: list[dict[str, dict[str, str]]]) -> list[ExportInput]:
    """A full export of the first state, then a window for every other: upserts of what differs, deletes."""
    items = [
        {key: transaction(key, **{name: {"S": text} for name, text in sale.items()}) for key, sale in state.items()}
        for state in states
    ]
    exports = [full(TRANSACTIONS, _id(0), START, list(map(item_line, items[0].values())))]
    for number, (before, after) in enumerate(pairwise(items), start=1):
        begin = START + (number - 1) * HOUR
        at = micros(begin) + 1
        lines = [upsert_line(at, item) for key, item in after.items() if before.get(key) != item]
        lines += [delete_line(at, key_of(item)) for key, item in before.items() if key not in after]
        exports.append(window(TRANSACTIONS, _id(number), begin, begin + HOUR, lines))
    return exports


def _id(number: int) -> str:
    return f"0{micros(START) // 1000 + number:013d}-{number:08x}"


@examples(15)
@given(steps=st.lists(st.tuples(STATES, AS_OF), min_size=1, max_size=4))
def test_readers_find_what_gold_says(steps: list[tuple[dict[str, dict[str, str]], date]]) -> None:
    """Publish after publish, also of a lower day; nobody who cannot be published stops another."""
    exports = history([state for state, _ in steps])
    day_publishes: list[DayPublish] = []
    ltv_publishes: list[LtvPublish] = []
    with TemporaryDirectory() as folder, mock_aws():
        served = Served(pipeline.lakehouse_at(Path(folder)), publishing_client(region_name="us-east-1"))
        for number, (_, as_of) in enumerate(steps):
            now = START + number * HOUR
            pipeline.land(served.lakehouse, exports[number])
            pipeline.run_silver(served.lakehouse)
            truth = expected(exports[: number + 1])
            sold = sorted(
                {publish.day for publish in day_publishes} | {row["transaction_date"] for row in truth.enriched}
            )
            if sold:  # days that have no sales any more as well
                build(served.lakehouse, DAILY_SALES, sold)
            build(served.lakehouse, LIFETIME_VALUE, [as_of])
            served.publish(as_of, sold, now)
            summary = truth.daily_sales_summary
            day_publishes += [
                DayPublish(day, number, [row for row in summary if row["transaction_date"] == day]) for day in sold
            ]
            ltv_publishes.append(LtvPublish(as_of, number, truth.customer_ltv(as_of), now))
            check_days(served, day_publishes)
            check_customers(served, ltv_publishes)


def check_days(served: Served, publishes: list[DayPublish]) -> None:
    """Every day shows the rows that DynamoDB can take, and no other."""
    for day, seen in days(publishes).items():
        rows = read_day(served.client, DAILY, day)
        due = [{**row, "metric_date": day.isoformat()} for _, row in sorted(seen.rows.items())]
        assert _by_key(rows) == _by_key(due)
        assert len(rows) == len(due)


def _by_key(rows: list[Row]) -> dict[tuple[str, ...], Row]:
    names = ("product_category", "customer_segment", "region")
    return {tuple(row[name] for name in names): row for row in rows}


def check_customers(served: Served, publishes: list[LtvPublish]) -> None:
    """Every customer shows the figures of the newest pair; who vanished is a tombstone that expires."""
    table = lifetime_values(publishes)
    stored = served.customers()
    seen = {customer: row for customer, row in stored.items() if "lifetime_value" in row}
    assert set(seen) == {unquote(key) for key in table.visible}
    for key, item in table.items.items():
        customer = unquote(key)
        if item.figures is None:
            assert stored[customer]["as_of_date"] == item.pair[0].isoformat()
            assert item.expires_at is not None
            assert stored[customer]["expires_at"] == int(item.expires_at.timestamp())
            assert read_ltv(served.client, LTV, customer, today=TODAY) is None
            continue
        found = read_ltv(served.client, LTV, customer, today=TODAY)
        assert found is not None
        due = {**item.figures, "as_of_date": item.pair[0]}
        assert {name: found[name] for name in due} == due
    for publish in publishes:
        assert not any(
            row["customer_id"] in stored for row in publish.rows if partition_key(row["customer_id"]) is None
        )
