"""A small shop's files of changes: one CSV a day and table, as its systems drop them.

Belongs here: which change is in which file, and what is wrong with some of the lines.
Does not: what changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.randomness import below, uniform
from medallion_assets.pipelines.star_schema.samples.people import customers, products
from medallion_assets.pipelines.star_schema.samples.shop import DAY, Shop, moment_text
from medallion_assets.pipelines.star_schema.samples.sold import order_lines, orders
from medallion_assets.storage.stores import open_store, write_bytes

LATE_SHARE = 0.04
"""Of the changes: they come in one to three days late, some after a newer one of the same key."""
TWICE_SHARE = 0.005
"""Of the changes: their file has them twice."""
BAD_SHARE = 0.004


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFile:
    """How a table's files look: its columns, the texts of a flag that is set and of one that is not, and bad values."""

    table: str
    changes: Callable[[Shop], pl.DataFrame]
    key: tuple[str, ...]
    columns: tuple[str, ...]
    flags: tuple[str, str]
    spoilt: tuple[tuple[str, str], ...]

    @property
    def header(self) -> tuple[str, ...]:
        """Every column of a file."""
        return (*self.key, *self.columns, "updated_at", "deleted")


FILES = (
    SampleFile(
        table="crm_customers",
        changes=customers,
        key=("customer_id",),
        columns=("first_name", "last_name", "email", "city", "country", "segment"),
        flags=("true", "false"),
        spoilt=(("country", ""), ("segment", " "), ("updated_at", "yesterday"), ("deleted", "maybe")),
    ),
    SampleFile(
        table="products",
        changes=products,
        key=("product_id",),
        columns=("product_name", "category", "list_price"),
        flags=("Y", "N"),
        spoilt=(("list_price", "9,99"), ("list_price", "1.23456"), ("category", ""), ("updated_at", "")),
    ),
    SampleFile(
        table="orders",
        changes=orders,
        key=("order_id",),
        columns=("customer_id", "status", "ordered_at"),
        flags=("1", "0"),
        spoilt=(("status", "lost"), ("ordered_at", "2025-02-30T10:00:00Z"), ("ordered_at", "2025-01-03T10:00:00")),
    ),
    SampleFile(
        table="order_lines",
        changes=order_lines,
        key=("order_id", "line_number"),
        columns=("product_id", "quantity", "unit_price", "discount", "ordered_at"),
        flags=("d", ""),
        spoilt=(("quantity", "0"), ("quantity", "1.5"), ("unit_price", "-1"), ("discount", "1.5"), ("discount", "5%")),
    ),
)


def write_shop(
    url: str,
    *,
    seed: int = 0,
    orders: int = 2_000,
    customers: int = 200,
    products: int = 60,
    days: int = 30,
    first_day: date = date(2025, 1, 1),
    bad_share: float = BAD_SHARE,
) -> list[str]:
    """Write the files of `days` days from `first_day` (UTC) on, and return their keys below `url`, day by day.

    A file is `<table>/<table>_<day>.csv`; the first day's hold what was there before as well. Each has what changed on
    its day: new rows, changed ones, deletes by flag (of which only the key, the time and the flag are filled), what
    comes late, and some lines twice; `bad_share` (0 to 1) of the lines are bad. A day without a change has a header
    alone. The same arguments write the same bytes.

    Raises:
        PermanentError: an argument that is not allowed.
    """
    if min(orders, customers, products) < 0 or days < 1 or not 0 <= bad_share <= 1:
        raise PermanentError(
            "this shop cannot be made",
            expected="counts >= 0, days >= 1, bad_share from 0 to 1",
            found=f"orders {orders}, customers {customers}, products {products}, days {days}, bad_share {bad_share}",
        )
    start = datetime.combine(first_day, time(), tzinfo=UTC)
    shop = Shop(
        seed=seed,
        customers=customers,
        products=products,
        orders=orders,
        start=start,
        end=start + timedelta(days=days),
    )
    store = open_store(url)
    written = []
    for file in FILES:
        for day, lines in _by_day(shop, file, bad_share):
            name = f"{file.table}_{first_day + timedelta(days=day)}.csv"
            write_bytes(store, f"{file.table}/{name}", lines.write_csv().encode())
            written.append((day, f"{file.table}/{name}"))
    return [key for _, key in sorted(written)]


def _by_day(shop: Shop, file: SampleFile, bad_share: float) -> Iterator[tuple[int, pl.DataFrame]]:
    """The lines of each day's file, in no order that means anything."""
    changes = file.changes(shop).drop("index").with_row_index("index")
    late = pl.when(shop.happens(f"{file.table} late", LATE_SHARE)).then(shop.between("days late", 1, 4)).otherwise(0)
    own_day = pl.max_horizontal(pl.lit(0), (pl.col("at") - shop.start_micros) // DAY)
    lines = _spoil(shop, file, _lines(file, changes), bad_share).with_columns(
        changes.select(
            day=pl.min_horizontal(own_day + late, pl.lit(shop.days - 1)),
            place=uniform(pl.col("index"), shop.seed, f"{file.table} place"),
            is_twice=shop.happens(f"{file.table} twice", TWICE_SHARE),
        )
    )
    for day in range(shop.days):
        found = lines.filter(pl.col("day") == day)
        yield day, pl.concat([found, found.filter("is_twice")]).sort("place").select(file.header)


def _lines(file: SampleFile, changes: pl.DataFrame) -> pl.DataFrame:
    """The file's columns as text; of a delete only its key, its time and its flag are filled."""
    yes, no = file.flags
    return changes.select(
        "index",
        *(pl.col(name).cast(pl.String) for name in file.key),
        *(pl.when(~pl.col("is_delete")).then(pl.col(name).cast(pl.String)).alias(name) for name in file.columns),
        updated_at=moment_text(pl.col("at")),
        deleted=pl.when("is_delete").then(pl.lit(yes)).otherwise(pl.lit(no)),
    )


def _spoil(shop: Shop, file: SampleFile, lines: pl.DataFrame, bad_share: float) -> pl.DataFrame:
    """The lines, with a value that the contract refuses in some of those that are no deletes."""
    is_bad = shop.happens(f"{file.table} bad", bad_share) & (pl.col("deleted") != file.flags[0])
    kind = below(uniform(pl.col("index"), shop.seed, f"{file.table} kind of bad"), len(file.spoilt))
    lines = lines.with_columns(_kind=pl.when(is_bad).then(kind))
    for number, (column, value) in enumerate(file.spoilt):
        is_kind = (pl.col("_kind") == number).fill_null(value=False)
        lines = lines.with_columns(pl.when(is_kind).then(pl.lit(value)).otherwise(column).alias(column))
    return lines
