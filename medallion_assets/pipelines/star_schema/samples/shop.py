"""The sample shop: how large it is, and how its rows come to have changed.

Belongs here: what customers, products, orders and lines have in common: moments, and states that follow from events.
Does not: what any of them says, or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from medallion_assets.contracts.moments import micros
from medallion_assets.pipelines.randomness import below, uniform

HOUR = 3_600_000_000
"""In microseconds, as all moments of a sample are until they are written."""
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A shop between two UTC midnights; `end` is not in. The same shop is the same rows."""

    seed: int
    customers: int
    products: int
    orders: int
    start: datetime
    end: datetime

    @property
    def start_micros(self) -> int:
        """Microseconds since 1970."""
        return micros(self.start)

    @property
    def end_micros(self) -> int:
        """Microseconds since 1970."""
        return micros(self.end)

    @property
    def days(self) -> int:
        """How many days of files there are."""
        return (self.end - self.start) // timedelta(days=1)

    def happens(self, name: str, share: float) -> pl.Expr:
        """Whether something happens to a row, by its `index`."""
        return uniform(pl.col("index"), self.seed, name) < share

    def between(self, name: str, low: pl.Expr | int, high: pl.Expr | int) -> pl.Expr:
        """A whole number from `low` to below `high`, or `low` where there is none, by a row's `index`."""
        room = pl.max_horizontal(pl.lit(1), high - pl.lit(0, dtype=pl.Int64) - low)
        return low + below(uniform(pl.col("index"), self.seed, name), room).cast(pl.Int64)


def event(rows: pl.DataFrame, at: pl.Expr, *, is_delete: bool = False, **columns: pl.Expr) -> pl.DataFrame:
    """Something that happens to each of `rows` at a moment; columns that are not given stay as they were."""
    return rows.select("index", at=at.cast(pl.Int64), is_delete=pl.lit(is_delete), **columns)


def states(shop: Shop, events: Sequence[pl.DataFrame], changing: Sequence[str]) -> pl.DataFrame:
    """The state of each row after each event before the end: `index`, `at`, `is_delete` and `changing`.

    Of two events of a row in one microsecond the first one given counts. A row that returns is as it was last, but for
    what its return says.
    """
    return (
        pl.concat(events, how="diagonal")
        .filter(pl.col("at") < shop.end_micros)
        .unique(["index", "at"], keep="first", maintain_order=True)
        .sort("index", "at")
        .with_columns(pl.col(*changing).forward_fill().over("index"))
    )


def key_of(letter: str, index: pl.Expr, digits: int = 6) -> pl.Expr:
    """A business key: a letter and a number."""
    return pl.concat_str(pl.lit(f"{letter}-"), index.cast(pl.String).str.zfill(digits))


def moment_text(at: pl.Expr) -> pl.Expr:
    """ISO 8601 in UTC with microseconds."""
    return pl.from_epoch(at, time_unit="us").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")


def money_text(cents: pl.Expr) -> pl.Expr:
    """An amount with two decimals."""
    whole, rest = (cents // 100).cast(pl.String), (cents % 100).cast(pl.String).str.zfill(2)
    return pl.concat_str(whole, pl.lit("."), rest)
