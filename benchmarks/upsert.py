"""Changes to a large Silver table, beside `DeltaTable.merge` doing the same.

Silver holds 20 M rows over 400 days. What is timed begins with decoded records and ends with the commit: finding the
day each key sits in, deciding who wins, writing the days that change.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import polars as pl
import typer
from deltalake import DeltaTable
from rich.console import Console

from benchmarks.measuring import CATALOG, Cost, Line, cached, measure, report
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS as TABLE
from medallion_assets.refining.judging.events import event_schema
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.merging.merge import merge as merge_days
from medallion_assets.refining.refine import commit_change

ROWS = 20_000_000
DAYS = 400
FIRST_DAY = date(2024, 1, 1)
BEGINNING_MICROS = 1_700_000_000_000_000
CHANGED_MICROS = 1_760_000_000_000_000
PART_ROWS = 500_000
"""What judging makes a part of: 128 MB of lines."""
CASES: dict[str, tuple[int, int, int]] = {
    "1,000,000 changes on the last 10 days": (1_000_000, 10, 0),
    "1,000 changes on 3 days": (1_000, 3, 0),
    "1,000 changes with 5 day moves": (1_000, 3, 5),
}
"""Changes, the days that they lie in, and how many of them move from another day."""


def rows(first: int, count: int, *, day: date, sequence: int, amount: int) -> pl.DataFrame:
    """Transactions `first`, `first + 1`, ... of one day: the columns of Silver."""
    at = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
    number = pl.int_range(first, first + count, dtype=pl.Int64, eager=True)
    return pl.select(
        pl.format("T-{}", number).alias("transaction_id"),
        pl.format("C-{}", number % 100_000).alias("customer_id"),
        pl.lit(at).alias("transaction_at"),
        pl.lit(day).alias("transaction_date"),
        pl.lit(amount).cast(pl.Decimal(18, 4)).alias("amount"),
        pl.lit("USD").alias("currency"),
        pl.format("P-{}", number % 500).alias("product_id"),
        pl.lit("books").alias("product_category"),
        (number % 9 + 1).alias("quantity"),
        pl.lit("paypal").alias("payment_method"),
        pl.lit("completed").alias("status"),
        pl.lit(value=False).alias("is_deleted"),
        pl.lit(sequence, dtype=pl.Int64).alias("_sequence_micros"),
        pl.lit("01704067200000-00000000").alias("_export_id"),
    ).cast(polars_schema(TABLE))


def prepare(lake: str, total: int) -> None:
    """Fill Silver: `total` rows, as many on every day."""
    silver = Lakehouse(catalog=CATALOG, url=lake).ready(TABLE)
    a_day = total // DAYS
    written = []
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        of_day = rows(number * a_day, a_day, day=day, sequence=BEGINNING_MICROS, amount=10)
        written.append(
            silver.folder.write(of_day.sort("transaction_id").lazy(), partition=day, bounds=["_sequence_micros"])
        )
    silver.commit(written)


def changes(total: int, count: int, days: int, moves: int) -> pl.DataFrame:
    """Half updates, half inserts, evenly over the last `days`; `moves` updates come from far earlier days."""
    a_day, each = total // DAYS, count // days
    parts = []
    for number in range(days):
        index = DAYS - 1 - number
        day = FIRST_DAY + timedelta(days=index)
        known = min(each // 2, a_day)
        parts.append(rows(index * a_day, known, day=day, sequence=CHANGED_MICROS, amount=20))
        parts.append(rows(total + number * each, each - known, day=day, sequence=CHANGED_MICROS, amount=20))
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    parts += [rows(move * 40 * a_day, 1, day=last, sequence=CHANGED_MICROS, amount=20) for move in range(1, moves + 1)]
    return pl.concat(parts)


def upsert(lake: str, source: str) -> None:
    """The changes through the merge that refine uses, in parts as judging hands them over."""
    silver = Lakehouse(catalog=CATALOG, url=lake).open(TABLE)
    whole = pl.scan_parquet(source)
    count = whole.select(pl.len()).collect().item()
    events = whole.with_columns(pl.lit(value=False).alias("_is_delete"), pl.lit(value=True).alias("_is_incremental"))
    parts = [events.select(event_schema(TABLE).names()).slice(start, PART_ROWS) for start in range(0, count, PART_ROWS)]
    nobody = pl.DataFrame(schema={"transaction_id": pl.String, "_export_id": pl.String})
    with silver.lakehouse.workspace() as place:
        fulls = FullBatches(applied=[], applying=None, bad_keys=nobody)
        commit_change(silver, merge_days(silver, parts, fulls, place), {}, {})


def merge(lake: str, source: str) -> None:
    """The same by delta-rs: matched by key, newer sequences update, unknown keys are inserted."""
    table = DeltaTable(f"{lake}/{TABLE.path}")
    (
        table.merge(
            pl.read_parquet(source),
            predicate="t.transaction_id = s.transaction_id",
            source_alias="s",
            target_alias="t",
        )
        .when_matched_update_all(predicate="s._sequence_micros > t._sequence_micros")
        .when_not_matched_insert_all()
        .execute()
    )


def run(total: int = ROWS, tell: Callable[[str], None] = lambda _: None) -> list[Line]:
    """The cost of each case, ours and the peer's, each on the same version of the table."""
    lake = cached(f"upsert-lake-{total}")
    if not (lake / "complete").exists():
        shutil.rmtree(lake, ignore_errors=True)
        tell(f"filling Silver with {total:,} rows (kept in .cache)")
        prepare(str(lake), total)
        (lake / "complete").touch()
    lines: list[Line] = []
    source = cached("upsert-changes.parquet")
    for name, (count, days, moves) in CASES.items():
        changes(total, count, days, moves).write_parquet(source)
        costs: dict[str, Cost] = {}
        for work in (upsert, merge):
            tell(f"{name}: {work.__name__}")
            before = DeltaTable(f"{lake}/{TABLE.path}").version()
            costs[work.__name__] = measure(work, str(lake), str(source))
            DeltaTable(f"{lake}/{TABLE.path}").restore(before)
        lines += _lines(name, costs)
    return lines


def _lines(name: str, costs: dict[str, Cost]) -> list[Line]:
    ours, peer = costs["upsert"], costs["merge"]
    if name.startswith("1,000,000"):
        limits = [
            Line("upsert", f"{name}: CPU", ours.cpu_seconds, "s", 6.0),
            Line("upsert", f"{name}: peak memory", ours.peak_mb, "MB", 1500.0),
        ]
    else:
        at_most = 4.0 if "moves" in name else 2.0
        limits = [Line("upsert", f"{name}: wall", ours.wall_seconds, "s", at_most)]
    return [
        *limits,
        Line("upsert", f"{name}: CPU / merge's", ours.cpu_seconds / peer.cpu_seconds, "x"),
        Line("upsert", f"{name}: peak / merge's", ours.peak_mb / peer.peak_mb, "x"),
    ]


def main(rows: int = ROWS, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Run it and print its table."""
    with Console(stderr=True).status("") as status:
        lines = run(rows, status.update)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)
