"""Publishing to DynamoDB within a write budget: how much of it is used, and how often DynamoDB has to refuse.

Runs against Amazon's DynamoDB Local (`.ci/services` fetches it) behind an emulated budget, as DynamoDB Local never
throttles. One run publishes a day, one a table of items by conditional writes. Exit code 1 when a floor is missed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the emulated budget lives beside the tests

from medallion_assets.dynamodb.day_publisher import publish_day
from medallion_assets.dynamodb.item_publisher import publish_items
from medallion_assets.dynamodb.limiter import CapacityLimiter
from medallion_assets.dynamodb.publisher import Published
from medallion_assets.serving.customer_ltv_metrics import KEY
from medallion_assets.serving.daily_sales_metrics import ROW_KEY_COLUMNS
from medallion_assets_tests.dynamodb.emulated_budget import ThrottlingClient, TokenBucket
from medallion_assets_tests.services.dynamodb_local import dynamodb_local
from medallion_assets_tests.services.processes import ServiceMissingError
from medallion_assets_tests.services.serving_tables import ServingTables, make_serving_tables

LEAST_USED_PERCENT = 95.0
MOST_THROTTLED_PERCENT = 1.0
DAY = date(2025, 3, 4)


@dataclass(frozen=True)
class Measured:
    """One run; `used_percent` is what was charged, of the budget of the seconds it took."""

    run: str
    items: int
    seconds: float
    items_per_second: float
    consumed_wcu: float
    used_percent: float
    requests: int
    throttled_percent: float

    @property
    def holds(self) -> bool:
        """Whether both floors are kept."""
        return self.used_percent >= LEAST_USED_PERCENT and self.throttled_percent <= MOST_THROTTLED_PERCENT


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
            KEY: f"customer-{i:08}",
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
) -> Published:
    """Rows in batches, then the pointer (rule P1)."""
    return publish_day(
        client,
        table_name=tables.days,
        day=DAY,
        version=1,
        rows=day_rows(items),
        key_columns=ROW_KEY_COLUMNS,
        run_id="benchmark",
        limiter=limiter,
        now=datetime.now(UTC),
        progress=tell,
    )


def a_table_of_items(
    tables: ServingTables, client: Any, items: int, limiter: CapacityLimiter, tell: Callable[[int], None]
) -> Published:
    """One conditional write an item (rule P2)."""
    return publish_items(
        client,
        table_name=tables.items,
        key=KEY,
        rows=customer_rows(items),
        previous_rows=None,
        previous_watermark=None,
        as_of=DAY,
        version=1,
        run_id="benchmark",
        limiter=limiter,
        now=datetime.now(UTC),
        progress=tell,
    )


def measure(
    run: Callable[..., Published], name: str, client: Any, items: int, wcu: float, tell: Callable[[int], None]
) -> Measured:
    """Publish `items` into empty tables behind a budget of `wcu`, aiming at the same."""
    tables = make_serving_tables(client)
    throttling = ThrottlingClient(client, TokenBucket(wcu))
    began_at = time.monotonic()
    published = run(tables, throttling, items, CapacityLimiter(wcu), tell)
    seconds = time.monotonic() - began_at
    if published.items_written != items:
        raise SystemExit(f"{name}: {published.items_written} of {items} items were written")
    return Measured(
        run=name,
        items=items,
        seconds=round(seconds, 2),
        items_per_second=round(items / seconds, 1),
        consumed_wcu=throttling.bucket.consumed,
        used_percent=round(100 * throttling.bucket.consumed / (wcu * seconds), 2),
        requests=throttling.requests,
        throttled_percent=round(100 * throttling.throttled / throttling.requests, 3),
    )


def main(
    items: Annotated[int, typer.Option(help="items a run; under 5,000 the start of the server outweighs")] = 50_000,
    wcu: Annotated[float, typer.Option(help="the budget, write capacity units a second")] = 500.0,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Publish a day and a table of items within a budget, and compare with the floors."""
    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results = []
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=console) as progress:
        try:
            with dynamodb_local(Path(folder)) as server:
                for run, name in ((a_day, "a day"), (a_table_of_items, "items")):
                    task = progress.add_task(name, total=items)
                    tell = lambda done, task=task: progress.update(task, completed=done)  # noqa: E731
                    results.append(measure(run, name, server.client, items, wcu, tell))
        except ServiceMissingError as missing:
            console.print(f"[red]{missing}")
            raise typer.Exit(1) from None
    if as_json:
        print(json.dumps([{**asdict(result), "holds": result.holds} for result in results], indent=2))
    else:
        Console().print(_table(results, wcu))
    raise typer.Exit(0 if all(result.holds for result in results) else 1)


def _table(results: list[Measured], wcu: float) -> Table:
    floors = f"used >= {LEAST_USED_PERCENT:g} %, throttled <= {MOST_THROTTLED_PERCENT:g} %"
    table = Table(title=f"Publishing within {wcu:g} WCU ({floors})")
    for column in ("run", "items", "seconds", "items/s", "WCU", "used", "throttled", ""):
        table.add_column(column, justify="left" if column in {"run", ""} else "right", no_wrap=True)
    for result in results:
        table.add_row(
            result.run,
            f"{result.items:,}",
            f"{result.seconds:.1f}",
            f"{result.items_per_second:,.0f}",
            f"{result.consumed_wcu:,.0f}",
            f"{result.used_percent:.1f} %",
            f"{result.throttled_percent:.2f} %",
            "[green]holds" if result.holds else "[red]missed",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
