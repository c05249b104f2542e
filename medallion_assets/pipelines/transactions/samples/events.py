"""Events: from what happens to the items of a table to what its exports hold.

Belongs here: the state of every item at a moment, and what changed in a window, exactly as DynamoDB exports have it.
Does not: what happens; how it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from medallion_assets.pipelines.randomness import below, uniform
from medallion_assets.sources.dynamodb_export.manifest import UNCERTAINTY

UNCERTAIN_MICROS = UNCERTAINTY // timedelta(microseconds=1)


def lives(events: pl.DataFrame, changing: Sequence[str]) -> pl.DataFrame:
    """Every event with the full state after it; what comes after a delete is left out.

    `events` have `index`, `at_micros`, `is_delete` and the `changing` columns, in which null means: as before.
    """
    ends = events.filter("is_delete").group_by("index").agg(ends_micros=pl.col("at_micros").min())
    return (
        events.join(ends, on="index", how="left")
        .filter(pl.col("ends_micros").is_null() | (pl.col("at_micros") <= pl.col("ends_micros")))
        .drop("ends_micros")
        # Of events in one microsecond a delete comes last.
        .sort("index", "at_micros", "is_delete")
        .with_columns(pl.col(*changing).forward_fill().over("index"))
    )


def table_at(history: pl.DataFrame, moment_micros: int) -> pl.DataFrame:
    """The items that are there right before a moment. `history` comes from `lives`."""
    return _last(history.filter(pl.col("at_micros") < moment_micros)).filter(~pl.col("is_delete"))


def picture(history: pl.DataFrame, export_micros: int, *, seed: int) -> pl.DataFrame:
    """What a full export of a moment holds: each item as of a moment of its own, at most a minute before or after."""
    of_its_own = below(uniform(pl.col("index"), seed, "picture"), 2 * UNCERTAIN_MICROS + 1)
    read_micros = export_micros - UNCERTAIN_MICROS + of_its_own.cast(pl.Int64)
    return _last(history.filter(pl.col("at_micros") <= read_micros)).filter(~pl.col("is_delete"))


def changes_in(history: pl.DataFrame, from_micros: int, to_micros: int, changing: Sequence[str]) -> pl.DataFrame:
    """The last state of every item written in [from, to), and its state before: what an incremental export holds.

    Adds `change` (insert, update, delete), `written_micros`, and `old_<column>` for each changing column. An item that
    came and went within the window has no record.
    """
    written = pl.col("at_micros")
    new = _last(history.filter((written >= from_micros) & (written < to_micros)))
    old = table_at(history, from_micros).select("index", pl.col(*changing).name.prefix("old_"), existed=True)
    is_delete, existed = pl.col("is_delete"), pl.col("existed").fill_null(value=False)
    change = pl.when(is_delete).then(pl.lit("delete")).when(existed).then(pl.lit("update")).otherwise(pl.lit("insert"))
    return (
        new.join(old, on="index", how="left")
        .filter(existed | ~is_delete)
        .select("index", *changing, *(f"old_{name}" for name in changing), change=change, written_micros=written)
    )


def _last(history: pl.DataFrame) -> pl.DataFrame:
    return history.unique("index", keep="last", maintain_order=True)
