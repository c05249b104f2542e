"""Sample exports of any size: `medallion sample` and the benchmarks.

Belongs here: one full or incremental export of a sample table, written in bounded memory.
Does not: the demo's history of exports that follow from each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import polars as pl

from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.randomness import choose, uniform
from medallion_assets.pipelines.transactions.samples.customers import CUSTOMERS, NEXT_SEGMENT, customers
from medallion_assets.pipelines.transactions.samples.lines import SampleTable, full_lines, incremental_lines, spoil
from medallion_assets.pipelines.transactions.samples.places import exports_of
from medallion_assets.pipelines.transactions.samples.transactions import TRANSACTIONS, moments, transactions
from medallion_assets.sources.dynamodb_export.manifest import UNCERTAINTY, Export, ExportType
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets.storage.stores import NO_OPTIONS

TABLES = {table.name: table for table in (TRANSACTIONS, CUSTOMERS)}
ROWS_PER_PIECE = 50_000
"""What is held in memory at a time: about 16 MB of text."""
CHANGES = {"insert": 0.7, "update": 0.25, "delete": 0.05}
TRANSACTIONS_PER_CUSTOMER = 50
MOST_ITEMS, MOST_FILES = 100_000_000, 10_000
"""Beyond what anybody tries on one machine: a slip of the hand would write for days."""
FIRST_NEW_INDEX = 1_000_000_000
"""Keys that an incremental sample inserts begin here: behind every key of a full one."""
WINDOW = timedelta(days=1)
WRONG_UNIT_SHARE = 0.1
"""Of the bad records of an incremental sample: written in milliseconds, which no write time is (rule R1)."""
LATE_SHARE = 0.03
"""Of the inserted transactions: written three days after they happened."""
CHANGING = {
    TRANSACTIONS.name: ("status", {"pending": "completed", "completed": "refunded"}),
    CUSTOMERS.name: ("customer_segment", NEXT_SEGMENT),
}
"""What an update changes, from what to what."""
FIRST_DAY = date(2025, 1, 1)
DAYS = 60


def write_sample(
    url: str,
    *,
    table: str,
    items: int,
    kind: Literal["full", "incremental"],
    seed: int = 0,
    bad_share: float = 0.0,
    data_files: int = 4,
    replaces: bool = True,
    storage_options: Mapping[str, str] = NO_OPTIONS,
    option: str | None = None,
    rows_per_piece: int = ROWS_PER_PIECE,
) -> Export:
    """Write one export of `items` records below `<url>/<table>`; `bad_share` (0 to 1) of them are bad.

    A full export holds the DAYS from FIRST_DAY (UTC) on and is taken a minute after their end; an incremental one
    covers the day after them: inserts, updates of what the full export of the same seed and size holds, and deletes.
    Some of its bad records were written in milliseconds.
    Every item of a full export is read before what the window says of it. `option` of a command names the URL, if any.

    Raises:
        PermanentError: an argument that is not allowed; or the same export, of another size perhaps, lies there and
            this one does not replace it.
    """
    _expect_possible(table=table, items=items, kind=kind, data_files=data_files, bad_share=bad_share)
    sample = TABLES[table]
    start = datetime.combine(FIRST_DAY, time(), tzinfo=UTC)
    end = start + timedelta(days=DAYS)
    shape = _Shape(
        table=sample,
        items=items,
        seed=seed,
        customer_count=max(1, items // TRANSACTIONS_PER_CUSTOMER),
        start=start,
        end=end,
    )
    is_full = kind == "full"
    make = shape.rows if is_full else shape.changed_rows
    lines = full_lines if is_full else incremental_lines

    def pieces(begin: int, stop: int) -> Iterator[bytes]:
        for first in range(begin, stop, rows_per_piece):
            index = pl.int_range(first, min(first + rows_per_piece, stop), dtype=pl.UInt64, eager=True)
            rows = spoil(make(index), sample, share=bad_share, seed=seed, stream=kind)
            if not is_full:
                rows = rows.with_columns(written_micros=_written(seed))
            yield lines(rows, sample).str.join("\n").item().encode()

    edges = [items * number // data_files for number in range(data_files + 1)]
    return write_export(
        exports_of(url, table, storage_options, option=option),
        table_name=table,
        export_type=ExportType.FULL if is_full else ExportType.INCREMENTAL,
        from_at=end + UNCERTAINTY if is_full else end,
        to_at=end + UNCERTAINTY if is_full else end + WINDOW,
        files=(pieces(begin, stop) for begin, stop in itertools.pairwise(edges)),
        seed=seed,
        gzip_level=1,
        replaces=replaces,
    )


def _expect_possible(*, table: str, items: int, kind: str, data_files: int, bad_share: float) -> None:
    """See that each argument has a value that makes a sample; the message names those that do not."""
    kinds = ("full", "incremental")
    allowed = {
        "table": (table, table in TABLES, " or ".join(TABLES)),
        "kind": (kind, kind in kinds, " or ".join(kinds)),
        "items": (items, 0 <= items <= MOST_ITEMS, f"0 to {MOST_ITEMS:,}"),
        "files": (data_files, 1 <= data_files <= MOST_FILES, f"1 to {MOST_FILES:,}"),
        "bad share": (bad_share, 0 <= bad_share <= 1, "0 to 1"),
    }
    wrong = {name: (given, expected) for name, (given, is_allowed, expected) in allowed.items() if not is_allowed}
    if wrong:
        raise PermanentError(
            "this sample cannot be made",
            expected=", ".join(f"{name} {expected}" for name, (_, expected) in wrong.items()),
            found=", ".join(f"{name} {given!r}" for name, (given, _) in wrong.items()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """The rows of a sample by index; its full export is taken a minute after `end`."""

    table: SampleTable
    items: int
    seed: int
    customer_count: int
    start: datetime
    end: datetime

    def rows(self, index: pl.Series, at_micros: pl.Series | None = None) -> pl.DataFrame:
        """The rows of these indexes as the full export holds them; transactions as of the given moments, if any."""
        if self.table is CUSTOMERS:
            return customers(index, seed=self.seed, count=self.items, start=self.start, end=self.end)
        at = moments(index, seed=self.seed, start=self.start, end=self.end) if at_micros is None else at_micros
        return transactions(index, at, seed=self.seed, customers=self.customer_count)

    def changed_rows(self, index: pl.Series) -> pl.DataFrame:
        """One record of the window after the full export for each index, as `incremental_lines` takes them."""
        written = moments(index, seed=self.seed, start=self.end, end=self.end + WINDOW)
        before = moments(index, seed=self.seed, start=self.start, end=self.end)
        i, day = pl.col("index"), WINDOW // timedelta(microseconds=1)
        is_late = uniform(i, self.seed, "late") < LATE_SHARE
        plan = pl.DataFrame({"index": index, "written": written, "before": before}).with_columns(
            change=choose(uniform(i, self.seed, "change"), CHANGES),
            bought=pl.col("written") - 10_000_000 - pl.when(is_late).then(3 * day).otherwise(0),
        )
        is_new = pl.col("change") == "insert"
        keyed = plan.select(
            key=pl.when(is_new).then(i + FIRST_NEW_INDEX).otherwise(i),
            at=pl.when(is_new).then("bought").otherwise("before"),
        )
        attribute, following = CHANGING[self.table.name]
        now, updated = pl.col(attribute), pl.col("change") == "update"
        return (
            self.rows(keyed["key"], keyed["at"])
            .with_columns(plan["change"], plan["written"].alias("written_micros"))
            .with_columns(
                now.alias(f"old_{attribute}"),
                pl.when(updated).then(now.replace(following)).otherwise(now).alias(attribute),
            )
        )


def _written(seed: int) -> pl.Expr:
    """When each record was written: in milliseconds instead of microseconds for some of the bad ones."""
    is_wrong = pl.col("spoilt").is_not_null() & (uniform(pl.col("index"), seed, "unit") < WRONG_UNIT_SHARE)
    return pl.when(is_wrong).then(pl.col("written_micros") // 1000).otherwise("written_micros")
