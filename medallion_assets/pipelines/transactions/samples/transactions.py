"""Sample transactions: what was bought, when and by whom, and what became of it.

Belongs here: the rows of `customer_transactions` by index, and their life as events.
Does not: lines and files.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import polars as pl

from medallion_assets.contracts.moments import micros
from medallion_assets.pipelines.randomness import below, choose, normal, uniform
from medallion_assets.pipelines.transactions.customer_transactions import CURRENCIES, PAYMENT_METHODS
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS as CONTRACT
from medallion_assets.pipelines.transactions.samples.customers import SIGNED_UP_BEFORE, customer_id
from medallion_assets.pipelines.transactions.samples.lines import SampleTable

TRANSACTIONS = SampleTable.of(
    CONTRACT,
    spoilt=(
        ("amount", '{"N":"12.345678"}'),
        ("amount", '{"S":"12.50"}'),
        ("amount", '{"N":"-5"}'),
        ("transaction_timestamp", '{"S":"2025-02-30T10:00:00Z"}'),
        ("transaction_timestamp", '{"S":"2025-01-15T10:00:00"}'),
        ("currency", '{"S":"XXX"}'),
        ("customer_id", None),
        ("quantity", '{"N":"2.5"}'),
        ("status", '{"S":"lost"}'),
    ),
)

PRODUCTS_PER_CATEGORY = 200
# Category: (share of the transactions, median price in USD, spread of the logarithm of the price).
CATEGORIES = {
    "electronics": (0.14, 180.0, 0.9),
    "home": (0.16, 48.0, 0.8),
    "clothing": (0.2, 38.0, 0.6),
    "grocery": (0.2, 9.0, 0.5),
    "beauty": (0.1, 22.0, 0.5),
    "sports": (0.1, 55.0, 0.7),
    "toys": (0.1, 24.0, 0.5),
}
PAYMENT_WEIGHTS = dict(zip(PAYMENT_METHODS, (0.44, 0.22, 0.12, 0.08, 0.06, 0.03, 0.03, 0.02), strict=True))
STATUS_WEIGHTS = {"completed": 0.93, "pending": 0.03, "refunded": 0.025, "cancelled": 0.015}
"""In a table that is looked at once; `transaction_events` has the same as a story."""
WEEKDAY_WEIGHTS = (0.9, 0.88, 0.92, 0.98, 1.15, 1.3, 1.1)
HOUR_WEIGHTS = (2, 1, 1, 1, 1, 2, 4, 7, 10, 13, 15, 17, 19, 17, 16, 15, 16, 18, 21, 23, 21, 16, 10, 5)
PACIFIC_HOURS = timedelta(hours=-8)
"""Good enough for a rhythm of the day; business days are computed elsewhere, with the real zone."""
_HOUR_MICROS = 3_600_000_000
_DAY_MICROS = 24 * _HOUR_MICROS


def moments(index: pl.Series, *, seed: int, start: datetime, end: datetime) -> pl.Series:
    """When each transaction of [start, end) happens, in microseconds since 1970, in the rhythm of week and day."""
    hours = int((end - start) / timedelta(hours=1))
    local = [start + PACIFIC_HOURS + timedelta(hours=hour) for hour in range(hours)]
    weights = (WEEKDAY_WEIGHTS[at.weekday()] * HOUR_WEIGHTS[at.hour] for at in local)
    edges = pl.Series(list(itertools.accumulate(weights)), dtype=pl.Float64)
    drawn = index.to_frame("index").select(
        hour=uniform(pl.col("index"), seed, "hour"), within=uniform(pl.col("index"), seed, "within the hour")
    )
    # On an edge the later hour: the last edge cannot be drawn.
    hour = edges.search_sorted(drawn["hour"] * float(edges[-1]), side="right").cast(pl.Int64)
    begin = micros(start)
    return begin + hour * _HOUR_MICROS + (drawn["within"] * _HOUR_MICROS).cast(pl.Int64) // 1000 * 1000


def transactions(index: pl.Series, at_micros: pl.Series, *, seed: int, customers: int) -> pl.DataFrame:
    """The rows of these indexes at these moments (see `moments`). All columns but `index` and `at_micros` are text."""
    i = pl.col("index")
    named = pl.DataFrame({"index": index.cast(pl.UInt64), "at_micros": at_micros}).with_columns(
        product_category=choose(uniform(i, seed, "category"), {name: it[0] for name, it in CATEGORIES.items()}),
        # The square makes some customers and products sell far more than others.
        product=below(uniform(i, seed, "product") ** 2, PRODUCTS_PER_CATEGORY),
        customer=below(uniform(i, seed, "customer") ** 2, max(1, int(customers * SIGNED_UP_BEFORE))),
        quantity=1 + below(uniform(i, seed, "quantity") ** 4, 8),
    )
    priced = named.with_columns(cents=_price_cents(seed) * pl.col("quantity"))
    return priced.select(
        "index",
        "at_micros",
        transaction_id=pl.concat_str(pl.lit("T-"), i.cast(pl.String).str.zfill(10)),
        customer_id=customer_id(pl.col("customer")),
        transaction_timestamp=pl.from_epoch("at_micros", time_unit="us").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
        amount=pl.concat_str(
            (pl.col("cents") // 100).cast(pl.String), pl.lit("."), (pl.col("cents") % 100).cast(pl.String).str.zfill(2)
        ),
        currency=pl.lit(CURRENCIES[0]),
        product_id=pl.concat_str(
            pl.lit("P-"),
            pl.col("product_category").str.head(3).str.to_uppercase(),
            pl.lit("-"),
            pl.col("product").cast(pl.String).str.zfill(4),
        ),
        product_category="product_category",
        quantity=pl.col("quantity").cast(pl.String),
        payment_method=choose(uniform(i, seed, "payment method"), PAYMENT_WEIGHTS),
        status=choose(uniform(i, seed, "status"), STATUS_WEIGHTS),
    )


def transaction_events(rows: pl.DataFrame, *, seed: int, end: datetime) -> pl.DataFrame:
    """What happens to transactions: `index`, `at_micros`, `status` (null: as before), `is_delete`.

    Most are written within a minute; 1.5 % days later, as a shop that was offline sends them, but before `end`. 6 %
    begin as pending and are completed or cancelled within three days; 3 % are refunded within ten days, 0.3 % deleted.
    """
    i = pl.col("index")
    late = (_DAY_MICROS * (2 + 4 * uniform(i, seed, "days late"))).cast(pl.Int64)
    is_late = (uniform(i, seed, "late") < 0.015) & (pl.col("at_micros") + late < micros(end))
    delay = (1_000_000 + 59_000_000 * uniform(i, seed, "delay")).cast(pl.Int64)
    is_pending = uniform(i, seed, "pending") < 0.06
    is_cancelled = uniform(i, seed, "cancelled") < 0.15
    lives = rows.select(
        "index",
        written=pl.col("at_micros") + pl.when(is_late).then(late).otherwise(delay),
        is_pending=is_pending,
        outcome=pl.when(is_pending & is_cancelled).then(pl.lit("cancelled")).otherwise(pl.lit("completed")),
    )
    settled = pl.col("written") + _between(i, seed, "settled", 4, 72)
    is_refunded = (pl.col("outcome") == "completed") & (uniform(i, seed, "refunded") < 0.03)
    is_deleted = uniform(i, seed, "deleted") < 0.003
    deleted_at = pl.col("written") + _between(i, seed, "deleted at", 24, 192)

    def event(happens: pl.Expr | bool, at: pl.Expr, status: pl.Expr, *, is_delete: bool = False) -> pl.DataFrame:
        return lives.filter(happens).select(
            "index", at_micros=at, status=status.cast(pl.String), is_delete=pl.lit(is_delete)
        )

    first = pl.when("is_pending").then(pl.lit("pending")).otherwise("outcome")
    return pl.concat(
        [
            event(True, pl.col("written"), first),
            event(pl.col("is_pending"), settled, pl.col("outcome")),
            event(is_refunded, settled + _between(i, seed, "refunded at", 24, 168), pl.lit("refunded")),
            event(is_deleted, deleted_at, pl.lit(None), is_delete=True),
        ]
    )


def _between(index: pl.Expr, seed: int, stream: str, hours_from: int, hours_to: int) -> pl.Expr:
    hours = hours_from + (hours_to - hours_from) * uniform(index, seed, stream)
    return (hours * _HOUR_MICROS).cast(pl.Int64)


def _price_cents(seed: int) -> pl.Expr:
    """The price of a product in cents: log-normal over the products of a category, the same in every transaction."""
    chosen = pl.lit(None, dtype=pl.Float64)
    for number, (name, (_, median, spread)) in enumerate(CATEGORIES.items()):
        product = pl.col("product") + number * PRODUCTS_PER_CATEGORY
        price = median * (spread * normal(product, seed, "price")).exp()
        chosen = pl.when(pl.col("product_category") == name).then(price).otherwise(chosen)
    return pl.max_horizontal(chosen * 100, pl.lit(99.0)).round().cast(pl.UInt64)
