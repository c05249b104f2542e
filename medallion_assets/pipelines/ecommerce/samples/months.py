"""Months of events in the REES46 layout: `2019-Oct.csv` and its like.

Belongs here: the rows of a month, and one file of them, written in bounded memory.
Does not: what a month means (the contracts of this pipeline).
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal

import polars as pl

from medallion_assets.contracts.moments import micros
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.randomness import below, choose, uniform
from medallion_assets.storage.stores import open_store, write_chunks

HEADER = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)
ROWS_PER_PIECE = 100_000
"""What is held in memory at a time: about 13 MB of text."""
EVENT_TYPES = {"view": 0.94, "cart": 0.035, "remove_from_cart": 0.01, "purchase": 0.015}
BRANDS = {
    "samsung": 0.14, "apple": 0.11, "xiaomi": 0.08, "huawei": 0.03, "lucente": 0.02, "lg": 0.02, "bosch": 0.02,
    "sony": 0.02, "acer": 0.01, "lenovo": 0.01, "oppo": 0.01,
}  # fmt: skip
"""The large ones; of the other products some have no brand, and most a brand of hundreds."""
BRAND_MISSING = 0.14
SMALL_BRANDS = 400
CATEGORIES = (
    "electronics.smartphone", "electronics.audio.headphone", "electronics.video.tv", "electronics.clocks",
    "computers.notebook", "appliances.kitchen.washer", "appliances.kitchen.refrigerators",
    "appliances.environment.vacuum", "apparel.shoes", "furniture.living_room.sofa", "auto.accessories.player",
    "construction.tools.light",
)  # fmt: skip
CATEGORY_CODE_MISSING = 0.32
PRODUCTS = 50_000
EVENTS_PER_SESSION = 6
SESSIONS_PER_USER = 3
SESSIONS_AT_A_TIME = 200
FAR = 1_000
ODDITIES = {
    "again": 0.0005,  # the row before, text by text
    "again, far": 0.0005,  # the row FAR rows before
    "outside": 0.0001,  # of the month after
    "nobody": 0.0005,  # no user
    "no price": 0.001,
    "below zero": 0.0002,
    "scientific": 0.001,  # a price like `15000e-02`, as some tools export numbers
    "capitals": 0.001,  # a brand like `SONY`
    "spaces": 0.001,  # a brand with a space too many at both ends
}
"""What is odd about some of the rows, and about how many."""

Compression = Literal["gz", "zst"]


def month_file(month: date, compression: Compression | None = None) -> str:
    """The name of a month's file: `2019-Oct.csv`, and `.gz` or `.zst` behind it."""
    name = f"{month.year}-{_MONTHS[month.month - 1]}.csv"
    return f"{name}.{compression}" if compression else name


def write_month(
    url: str,
    *,
    month: date,
    rows: int,
    seed: int = 0,
    compression: Compression | None = None,
    rows_per_piece: int = ROWS_PER_PIECE,
) -> str:
    """Write one month of `rows` rows to `<url>/<year>-<Mon>.csv`, and return that name.

    Rows are in the order of their time, but for those that another tool put in a second time. Some are bad: without a
    user, with a price below zero, of the month after. The same arguments write the same bytes; another seed is another
    version of the month.

    Raises:
        PermanentError: a number of rows, or a compression, that cannot be.
    """
    if rows < 0 or compression not in _COMPRESS:
        raise PermanentError(
            "this month cannot be made",
            expected="rows >= 0, compression gz, zst or none",
            found=f"rows {rows}, compression {compression}",
        )
    start = datetime(month.year, month.month, 1, tzinfo=UTC)
    end = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
    compress = _COMPRESS[compression]

    def pieces() -> Iterator[bytes]:
        yield compress((",".join(HEADER) + "\n").encode())
        for first in range(0, rows, rows_per_piece):
            index = pl.int_range(first, min(first + rows_per_piece, rows), dtype=pl.UInt64, eager=True)
            piece = events(index, count=rows, seed=seed, start=start, end=end)
            yield compress(piece.write_csv(include_header=False).encode())

    name = month_file(month, compression)
    write_chunks(open_store(url), name, pieces())
    return name


def events(index: pl.Series, *, count: int, seed: int, start: datetime, end: datetime) -> pl.DataFrame:
    """The rows of these indexes of a month of `count`, as text; an absent value is null."""
    i = pl.col("index")
    oddity = choose(uniform(i, seed, "oddity"), {**ODDITIES, "": 1 - sum(ODDITIES.values())})
    rows = index.cast(pl.UInt64).alias("index").to_frame().with_columns(odd=oddity)
    steps = {"again": 1, "again, far": FAR}
    back = pl.col("odd").replace_strict(steps, default=0, return_dtype=pl.UInt64)
    # From here on a row that is there again is the earlier one, with whatever is odd about that.
    rows = rows.select(index=pl.when(i >= back).then(i - back).otherwise(i)).with_columns(odd=oddity)
    length = (micros(end) - micros(start)) // 1_000_000
    # A session's events lie among those of the sessions that run at the same time.
    session = (i + below(uniform(i, seed, "session"), EVENTS_PER_SESSION * SESSIONS_AT_A_TIME)) // EVENTS_PER_SESSION
    drawn = rows.with_columns(
        second=(i.cast(pl.Float64) * (length / max(count, 1))).cast(pl.Int64),
        session=session,
        product=below(uniform(i, seed, "product") ** 2, PRODUCTS),
        event_type=choose(uniform(i, seed, "type"), EVENT_TYPES),
    )
    odd = pl.col("odd")
    outside = pl.when(odd == "outside").then(length).otherwise(0)
    brand, price = pl.col("brand"), pl.col("price")
    return (
        pl.concat(
            [drawn, _of(products(seed), drawn["product"]), _sessions(drawn["session"], seed, count)], how="horizontal"
        )
        .with_columns(
            event_time=pl.from_epoch(
                micros(start) // 1_000_000 + pl.col("second") + outside, time_unit="s"
            ).dt.to_string("%Y-%m-%d %H:%M:%S UTC"),
            user_id=pl.when(odd != "nobody").then("user_id"),
            brand=pl.when(odd == "capitals")
            .then(brand.str.to_uppercase())
            .when(odd == "spaces")
            .then(pl.format(" {} ", brand))
            .otherwise(brand),
            price=pl.when(odd == "below zero")
            .then(pl.concat_str(pl.lit("-"), price))
            .when(odd == "scientific")
            .then(pl.concat_str(price.str.replace(".", "", literal=True), pl.lit("e-02")))
            .when(odd != "no price")
            .then(price),
        )
        .select(HEADER)
    )


@lru_cache(maxsize=2)
def products(seed: int) -> pl.DataFrame:
    """Every product: `product_id`, `category_id`, `category_code`, `brand`, `price` as text."""
    i = pl.col("index")
    small = pl.concat_str(pl.lit("brand"), below(uniform(i, seed, "small brand"), SMALL_BRANDS).cast(pl.String))
    kind = choose(uniform(i, seed, "brand"), {**BRANDS, "none": BRAND_MISSING, "small": _SMALL})
    cents = 77 + below(uniform(i, seed, "price") ** 4, 257_400)
    category = below(uniform(i, seed, "category"), len(CATEGORIES))
    return _numbered(pl.int_range(PRODUCTS, dtype=pl.UInt64, eager=True)).select(
        product_id=(i + 1_000_000).cast(pl.String),
        category_id=(category * 12_345_679 + 2_053_013_550_000_000_000).cast(pl.String),
        category_code=pl.when(uniform(i, seed, "category code") >= CATEGORY_CODE_MISSING).then(
            pl.lit(pl.Series(CATEGORIES)).gather(category)
        ),
        brand=pl.when(kind == "small").then(small).when(kind != "none").then(kind),
        price=pl.concat_str((cents // 100).cast(pl.String), pl.lit("."), (cents % 100).cast(pl.String).str.zfill(2)),
    )


def _sessions(session: pl.Series, seed: int, count: int) -> pl.DataFrame:
    """The user and the name, of the form of a UUID, of each row's session."""
    i = pl.col("index")
    users = max(1, count // EVENTS_PER_SESSION // SESSIONS_PER_USER)
    left, right = (below(uniform(i, seed, f"session, {half}"), 10**15).cast(pl.String) for half in ("left", "right"))
    digits = pl.concat_str(left.str.zfill(16), right.str.zfill(16))
    parts = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
    found = (
        _numbered(session.unique())
        .sort("index")
        .select(
            pl.col("index").alias("session"),
            user_id=(500_000_000 + below(uniform(i, seed, "user"), users)).cast(pl.String),
            user_session=pl.concat_str(*(digits.str.slice(begin, length) for begin, length in parts), separator="-"),
        )
    )
    return _of(found.drop("session"), found["session"].search_sorted(session))


def _numbered(index: pl.Series) -> pl.DataFrame:
    return index.cast(pl.UInt64).alias("index").to_frame()


def _of(table: pl.DataFrame, number: pl.Series) -> pl.DataFrame:
    """A row of the table for each number."""
    return table[number]


def _plain(data: bytes) -> bytes:
    return data


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=1, mtime=0)


def _zstd(data: bytes) -> bytes:
    """One frame; frames one after the other are one file."""
    frame = io.BytesIO()
    pl.Series([data.decode()]).to_frame().write_csv(
        frame, include_header=False, quote_style="never", line_terminator="", compression="zstd"
    )
    return frame.getvalue()


_SMALL = 1 - BRAND_MISSING - sum(BRANDS.values())
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_COMPRESS: Mapping[Compression | None, Callable[[bytes], bytes]] = {None: _plain, "gz": _gzip, "zst": _zstd}
