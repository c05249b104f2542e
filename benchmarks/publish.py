"""Publishing to DynamoDB within a write budget: how much of it is used, and how often DynamoDB has to refuse.

Runs against Amazon's DynamoDB Local (`.ci/services` fetches it) behind an emulated budget, as DynamoDB Local never
throttles. One run publishes a day, one a table of items by conditional writes. The emulated budget is the tests' own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.measuring import Line, report
from medallion_assets.pipelines.transactions.pipeline import LIFETIME_VALUE_METRICS, SALES_METRICS
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.days.day_publisher import publish_day
from medallion_assets.publishing.items.item_publisher import publish_items
from medallion_assets.publishing.keys import key_types
from medallion_assets.publishing.publisher import GoldVersion, Publish, PublishResult
from medallion_assets_tests.publishing.budget_process import grants, over_budget, publisher
from medallion_assets_tests.publishing.emulated_budget import ThrottlingClient, TokenBucket
from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal, dynamodb_local
from medallion_assets_tests.services.processes import ServiceMissingError
from medallion_assets_tests.services.serving_tables import ServingTables, make_serving_tables

ITEMS = 50_000
TARGET_WCU = 500.0
LEAST_USED_PERCENT = 95.0
MOST_THROTTLED_PERCENT = 1.0
LEAST_SHARED_PERCENT = 80.0
TOGETHER_SECONDS = 20.0
DAY = date(2025, 3, 4)


@dataclass(frozen=True)
class Measured:
    """One run; `used_percent` is what was charged until all rows were in, of the budget of the seconds it took.

    `look_seconds` is what came after: a day's rows are counted before its pointer moves, which costs no writes. (Pages
    of a query take DynamoDB Local the longer, the more rows come before them.)
    """

    run: str
    items: int
    seconds: float
    look_seconds: float
    items_per_second: float
    consumed_wcu: float
    used_percent: float
    requests: int
    throttled_percent: float


def day_rows(items: int) -> Iterator[dict[str, object]]:
    """Rows as gold.daily_sales_summary has them, about 250 bytes each."""
    for i in range(items):
        yield {
            "product_category": f"category-{i:06}",
            "customer_segment": "premium",
            "region": "us-west",
            "transaction_count": i,
            "customer_count": i,
            "units_sold": 3 * i,
            "gross_revenue": Decimal(i) / 4,
            "refunded_amount": Decimal(0),
            "net_revenue": Decimal(i) / 4,
            "average_order_value": Decimal("0.2500"),
        }


def customer_rows(items: int) -> Iterator[dict[str, object]]:
    """Rows as gold.customer_ltv has them, less what a reader computes."""
    for i in range(items):
        yield {
            LIFETIME_VALUE_METRICS.keys[0]: f"customer-{i:08}",
            "first_order_date": DAY,
            "last_order_date": DAY,
            "order_count": i,
            "lifetime_value": Decimal(i) / 4,
            "average_order_value": Decimal("0.2500"),
            "recency_score": 5,
            "frequency_score": 1 + i % 5,
            "monetary_score": 3,
            "rfm_segment": "regular",
        }


def a_day(
    tables: ServingTables, client: Any, items: int, limiter: CapacityLimiter, tell: Callable[[int], None]
) -> PublishResult:
    """Rows in batches, then the pointer (rule P1)."""
    return publish_day(
        Publish(
            table=BudgetedTable(client, tables.days, limiter),
            source=GoldVersion(table_id="gold", version=1),
            run_id="benchmark",
            now=datetime.now(UTC),
            progress=tell,
        ),
        DAY,
        day_rows(items),
        key_columns=SALES_METRICS.row_columns,
    )


def a_table_of_items(
    tables: ServingTables, client: Any, items: int, limiter: CapacityLimiter, tell: Callable[[int], None]
) -> PublishResult:
    """One conditional write an item (rule P2)."""
    return publish_items(
        Publish(
            table=BudgetedTable(client, tables.items, limiter),
            source=GoldVersion(table_id="gold", version=1),
            run_id="benchmark",
            now=datetime.now(UTC),
            progress=tell,
        ),
        customer_rows(items),
        keys=key_types(LIFETIME_VALUE_METRICS.table),
        columns=LIFETIME_VALUE_METRICS.value_columns,
        previous_rows=None,
        previous_watermark=None,
        as_of=DAY,
    )


def measure(
    run: Callable[..., PublishResult], name: str, client: Any, items: int, wcu: float, tell: Callable[[int], None]
) -> Measured:
    """Publish `items` into empty tables behind a budget of `wcu`, aiming at the same."""
    tables = make_serving_tables(client)
    throttling = ThrottlingClient(client, TokenBucket(wcu))
    began_at = written_at = time.monotonic()

    def heed(done: int) -> None:
        nonlocal written_at
        written_at = time.monotonic()
        tell(done)

    published = run(tables, throttling, items, CapacityLimiter(wcu), heed)
    ended_at = time.monotonic()
    if published.items_written != items:
        raise SystemExit(f"{name}: {published.items_written} of {items} items were written")
    seconds = written_at - began_at
    return Measured(
        run=name,
        items=items,
        seconds=round(seconds, 2),
        look_seconds=round(ended_at - written_at, 2),
        items_per_second=round(items / seconds, 1),
        consumed_wcu=throttling.bucket.consumed,
        used_percent=round(100 * throttling.bucket.consumed / (wcu * seconds), 2),
        requests=throttling.requests,
        throttled_percent=round(100 * throttling.throttled / throttling.requests, 3),
    )


def measure_together(server: DynamoDBLocal, folder: Path, wcu: float, seconds: float = TOGETHER_SECONDS) -> list[Line]:
    """Two processes that want a whole budget each and share it (rule P7): what they were granted together."""
    table, logs = make_serving_tables(server.client).days, [folder / "one", folder / "two"]
    with ExitStack() as running:
        for log in logs:
            running.enter_context(publisher(server.endpoint, table, log, total=wcu, wanted=wcu))
        while not all(grants([log]) for log in logs):
            time.sleep(0.1)
        time.sleep(seconds)
    shared = grants(logs)
    both_from = max(grants([log])[0][0] for log in logs)
    during = [(moment, granted) for moment, granted in shared if moment >= both_from]
    used = 100 * sum(granted for _, granted in during) / (wcu * (during[-1][0] - both_from))
    what = f"two processes within {wcu:g} WCU"
    return [
        Line("publish", f"{what}: budget used", round(used, 2), "%", at_least=LEAST_SHARED_PERCENT),
        Line("publish", f"{what}: requests over it", len(over_budget(shared, wcu)), "", 0),
    ]


def _tell(tell: Callable[[str], None], title: str, done: int) -> None:
    tell(f"{title}: {done:,}")


def run(items: int = ITEMS, wcu: float = TARGET_WCU, tell: Callable[[str], None] = lambda _: None) -> list[Line]:
    """How much of the budget is used, and what share of the requests DynamoDB refused, for both kinds of publish."""
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            with dynamodb_local(Path(folder)) as server:
                for publish, name in ((a_day, "a day"), (a_table_of_items, "items")):
                    title = f"publishing {items:,} rows as {name} within {wcu:g} WCU"
                    measured = measure(publish, name, server.client, items, wcu, partial(_tell, tell, title))
                    what, used = f"{items:,} rows as {name}", measured.used_percent
                    lines += [
                        Line("publish", f"{what}: budget used", used, "%", at_least=LEAST_USED_PERCENT),
                        Line("publish", f"{what}: throttled", measured.throttled_percent, "%", MOST_THROTTLED_PERCENT),
                        Line("publish", f"{what}: speed", measured.items_per_second, "/s"),
                        Line("publish", f"{what}: counted and shown after", measured.look_seconds, "s"),
                    ]
                tell("two processes that share a budget")
                lines += measure_together(server, Path(folder), wcu)
        except ServiceMissingError as missing:
            raise SystemExit(str(missing)) from None
    return lines


def main(
    items: Annotated[int, typer.Option(help="items a run; under 5,000 the start of the server outweighs")] = ITEMS,
    wcu: Annotated[float, typer.Option(help="the budget, write capacity units a second")] = TARGET_WCU,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish a day and a table of items within a budget, and compare with the limits."""
    with Console(stderr=True).status("") as status:
        lines = run(items, wcu, status.update)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)
