"""Sample customers: who they are, and how they change.

Belongs here: the rows of `customers` by index, and their life as events.
Does not: lines and files.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from medallion_assets.contracts.moments import micros
from medallion_assets.pipelines.randomness import below, choose, one_of, uniform
from medallion_assets.pipelines.transactions.customers import CUSTOMERS as CONTRACT
from medallion_assets.pipelines.transactions.samples.lines import SampleTable

CUSTOMERS = SampleTable.of(
    CONTRACT,
    spoilt=(
        ("customer_segment", None),
        ("customer_segment", '{"N":"3"}'),
        ("signup_date", '{"S":"2024-13-01"}'),
        ("region", '{"S":" "}'),
    ),
)

FIRST_NAMES = (  # noqa: SIM905 (names read well as a line of names)
    "Ana Ben Chloé Diego Emma Finn Grace Hiro Ivy José Kara Liam Mei Noah Olga Priya Quinn Rosa Sam Tariq Uma Vera Wei "
    "Ximena Yusuf Zoë Aisha Bruno Carmen Dmitri Elena Felix"
).split()
LAST_NAMES = (  # noqa: SIM905
    "Adams Brown Castro Davis Evans Fischer García Hughes Ito Jensen Kim Lopez Müller Nguyen Okafor Patel Quist Rossi "
    "Silva Tanaka Ueda Vargas Walker Xu Young Zhang Ahmed Bauer Cohen Dubois Eriksson Flores"
).split()
SEGMENTS = {"regular": 0.55, "new": 0.2, "premium": 0.18, "vip": 0.07}
NEXT_SEGMENT = {"new": "regular", "regular": "premium", "premium": "vip", "vip": "premium"}
REGIONS = {"california": 0.3, "northwest": 0.15, "southwest": 0.12, "midwest": 0.15, "northeast": 0.16, "south": 0.12}
ACCENTS = {"é": "e", "ë": "e", "í": "i", "ü": "u"}
SIGNED_UP_BEFORE = 0.95
"""Of all customers; the others sign up one by one while the sample's days go by."""


def customer_id(index: pl.Expr) -> pl.Expr:
    """The key of a customer."""
    return pl.concat_str(pl.lit("C-"), index.cast(pl.String).str.zfill(7))


def customers(index: pl.Series, *, seed: int, count: int, start: datetime, end: datetime) -> pl.DataFrame:
    """The rows of these indexes of a table of `count`, before anything changes. All columns but `index` are text."""
    i = pl.col("index")
    first = one_of(uniform(i, seed, "first name"), FIRST_NAMES)
    last = one_of(uniform(i, seed, "last name"), LAST_NAMES)
    days_ago = 1 + below(uniform(i, seed, "signup"), 900).cast(pl.Int32)
    signup = pl.lit(start).dt.date() - pl.duration(days=days_ago)
    joined = pl.from_epoch(signup_micros(i, count=count, start=start, end=end), time_unit="us").dt.date()
    named = index.cast(pl.UInt64).alias("index").to_frame().with_columns(first=first, last=last)
    name = pl.concat_str("first", "last", separator=".").str.to_lowercase()
    return named.select(
        "index",
        customer_id=customer_id(i),
        customer_name=pl.concat_str("first", "last", separator=" "),
        email=pl.concat_str(
            name.str.replace_many(list(ACCENTS), list(ACCENTS.values())), i.cast(pl.String), pl.lit("@example.com")
        ),
        customer_segment=choose(uniform(i, seed, "segment"), SEGMENTS),
        region=choose(uniform(i, seed, "region"), REGIONS),
        signup_date=pl.when(_before(i, count)).then(signup).otherwise(joined).dt.to_string("%Y-%m-%d"),
    )


def signup_micros(index: pl.Expr, *, count: int, start: datetime, end: datetime) -> pl.Expr:
    """When a customer appears in the table, in microseconds since 1970: before `start`, or spread over the days."""
    begin, length = micros(start), micros(end) - micros(start)
    late = (index.cast(pl.Float64) / max(count, 1) - SIGNED_UP_BEFORE) / (1 - SIGNED_UP_BEFORE)
    late = pl.min_horizontal(late, 1.0)  # an index behind all of them signs up at the end
    return pl.when(_before(index, count)).then(begin - 1_000_000).otherwise(begin + (late * length).cast(pl.Int64))


def customer_events(
    rows: pl.DataFrame, *, seed: int, start: datetime, end: datetime, count: int, changes_from: datetime
) -> pl.DataFrame:
    """What happens to customers: `index`, `at_micros`, `customer_segment`, `region` (null: as before), `is_delete`.

    From `changes_from` on, 15 % change their segment, 4 % move, 1 % are deleted.
    """
    i = pl.col("index")
    begin = signup_micros(i, count=count, start=start, end=end)
    from_micros, length = micros(changes_from), micros(end + timedelta(days=1)) - micros(changes_from)

    def event(name: str, share: float, **columns: pl.Expr) -> pl.DataFrame:
        at = pl.max_horizontal(begin + 3_600_000_000, from_micros + below(uniform(i, seed, f"{name}, at"), length))
        happens = uniform(i, seed, name) < share
        return rows.filter(happens).select(
            "index",
            at_micros=at.cast(pl.Int64),
            customer_segment=columns.get("customer_segment", pl.lit(None, dtype=pl.String)),
            region=columns.get("region", pl.lit(None, dtype=pl.String)),
            is_delete=pl.lit(name == "delete"),
        )

    created = rows.select(
        "index", "customer_segment", "region", at_micros=begin.cast(pl.Int64), is_delete=pl.lit(False)
    )
    promoted = pl.col("customer_segment").replace_strict(NEXT_SEGMENT)
    moved = choose(uniform(i, seed, "new region"), REGIONS)
    return pl.concat(
        [
            created,
            event("promote", 0.15, customer_segment=promoted),
            event("move", 0.04, region=moved),
            event("delete", 0.01),
        ],
        how="diagonal",
    )


def _before(index: pl.Expr, count: int) -> pl.Expr:
    return index.cast(pl.Float64) / max(count, 1) < SIGNED_UP_BEFORE
