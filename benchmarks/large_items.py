"""Items as large as DynamoDB allows, few and many of them: what bounds memory is bytes, and not rows."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.measuring import CATALOG, Cost, Line, cached, made_once, measure, report
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.sources.dynamodb_export.manifest import ExportType, compact_json
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.pipeline import declared

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT = datetime(2025, 2, 1, tzinfo=UTC)
TEXT_BYTES = 390_000
ATTRIBUTES = 3_000
ITEMS = (300, 1_200, 4_800)
DATA_FILES = 4
PEAK_MB_AT_MOST = 1500.0
GROWTH_AT_MOST = 1.5
"""From 1,200 items on: 300 fit in memory together."""
KINDS = {
    "a 390 KB attribute beside the contract's": CUSTOMER_TRANSACTIONS,
    "a 390 KB column of a day": CUSTOMER_TRANSACTIONS,
    "a 390 KB column of a history": CUSTOMERS,
    "changes with two images of 390 KB": CUSTOMER_TRANSACTIONS,
    "bad records of 390 KB": CUSTOMER_TRANSACTIONS,
    "3,000 attributes an item": CUSTOMER_TRANSACTIONS,
}
TABLE = CUSTOMER_TRANSACTIONS.short_name
LARGE, COLUMN, HISTORY, CHANGES, BAD, WIDE = KINDS


def item(kind: str, number: int) -> dict[str, Any]:
    """One item as an export has it; no two have the same text."""
    text = {"S": random.Random(number).randbytes(TEXT_BYTES // 2).hex()}
    if KINDS[kind] is CUSTOMERS:
        values = {
            "customer_id": f"c{number}",
            "customer_segment": "gold",
            "region": "west",
            "signup_date": "2024-01-01",
        }
        return {**{name: {"S": value} for name, value in values.items()}, "customer_name": text}
    known = {
        "transaction_id": {"S": f"t{number}"},
        "customer_id": {"S": "c1"},
        "transaction_timestamp": {"S": "2025-01-31T18:00:00Z"},
        "amount": {"N": "-1" if kind == BAD else "12.5"},
        "currency": {"S": "USD"},
        "product_id": text if kind == COLUMN else {"S": "p1"},
        "product_category": {"S": "books"},
        "quantity": {"N": "1"},
        "status": {"S": "completed"},
    }
    if kind == WIDE:
        return known | {
            f"attribute_{n}": {"S": f"value {n} of {number}, {text['S'][n * 60 : n * 60 + 40]}"}
            for n in range(ATTRIBUTES)
        }
    return known if kind == COLUMN else known | {"notes": text}


def line(kind: str, number: int) -> bytes:
    """One record."""
    image = item(kind, number)
    if kind != CHANGES:
        return compact_json({"Item": image})
    written = {"WriteTimestampMicros": {"N": str(int(AT.timestamp() + 60) * 1_000_000)}}
    keys = {"transaction_id": image["transaction_id"]}
    return compact_json({"Metadata": written, "Keys": keys, "OldImage": image, "NewImage": image})


def sample(kind: str, items: int) -> str:
    """The URL of a raw root with one export; written once and kept."""

    def lines(begin: int) -> Iterator[bytes]:
        return (line(kind, number) for number in range(begin, items, DATA_FILES))

    def make(url: Path) -> None:
        store = open_store(f"{url}/{KINDS[kind].short_name}")
        if kind == CHANGES:  # the full export that they join
            full = ExportType.FULL
            write_export(store, table_name=TABLE, export_type=full, from_at=AT, to_at=AT, files=[[]])
        write_export(
            store,
            table_name=KINDS[kind].short_name,
            export_type=ExportType.INCREMENTAL if kind == CHANGES else ExportType.FULL,
            from_at=AT if kind == CHANGES else AT + timedelta(hours=1),
            to_at=AT + timedelta(hours=1),
            files=[lines(begin) for begin in range(DATA_FILES)],
            gzip_level=1,
        )

    return str(made_once(f"items-{list(KINDS).index(kind)}-{items}", make))


def bronze(raw: str, lake: str, table: Table) -> None:
    """Verify and load the export."""
    done = ingest(Lakehouse(catalog=CATALOG, url=lake), raw, declared(table), now=NOW)
    if not done.loaded:
        raise SystemExit(f"the export was not loaded: {done.refused}")


def silver(raw: str, lake: str, table: Table) -> None:
    """Judge and publish it, bad records too."""
    del raw
    done = refine(Lakehouse(catalog=CATALOG, url=lake), declared(table), now=NOW, threshold=0.0)
    if done.failing or done.gaps:
        raise SystemExit(f"the export was not applied: {done}")


def stages(kind: str, items: int, tell: Callable[[str], None]) -> dict[str, Cost]:
    """The cost of Bronze, and of Silver after it."""
    tell(f"writing {items:,} items: {kind} (kept in .cache)")
    raw, lake = sample(kind, items), cached("items-lake")
    shutil.rmtree(lake, ignore_errors=True)
    costs = {}
    for stage in (bronze, silver):
        tell(f"{stage.__name__} of {items:,} items: {kind}")
        costs[stage.__name__] = measure(stage, raw, str(lake), KINDS[kind])
    shutil.rmtree(lake)
    return costs


def run(tell: Callable[[str], None] = lambda _: None, *, items: tuple[int, int, int] = ITEMS) -> list[Line]:
    """The peak of every kind, and how that of the first grows with the items."""
    name, lines = "large items", []
    for kind in KINDS:
        peaks = {}
        for number in items if kind in (LARGE, COLUMN) else items[1:2]:
            costs = stages(kind, number, tell)
            peaks[number] = max(cost.peak_mb for cost in costs.values())
            lines.append(Line(name, f"{number:,} items, {kind}: peak memory", peaks[number], "MB", PEAK_MB_AT_MOST))
        if len(peaks) > 1:
            what = f"peak, {items[2]:,} / {items[1]:,}"
            lines.append(Line(name, what, peaks[items[2]] / peaks[items[1]], "x", GROWTH_AT_MOST))
    return lines


def main(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Run it and print its table."""
    with Console(stderr=True).status("") as status:
        lines = run(status.update)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)
