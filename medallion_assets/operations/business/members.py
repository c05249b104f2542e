"""Members: who is in which segment as of the newest day, who moved, and cohorts.

Belongs here: reading them from a table that is kept as of days.
Does not: what makes a segment, or drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from medallion_assets.contracts.pictures import Members
from medallion_assets.delta.table import Lakehouse

BACK, ACTIVE = timedelta(days=7), timedelta(days=30)
"""Moves are those since a week before, or the oldest day that is kept after that; active is who came that lately."""
COHORTS, MOVES = 24, 12
NEW, GONE = "not there yet", "no longer there"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFigure:
    """A segment: its members, what they are worth together, and how many it had before; None: nothing was before."""

    segment: str
    members: int
    value: float
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Members who first came in a month: how many, how many of them were active of late, and the value of one."""

    month: date
    members: int
    active: int
    average_value: float


@dataclass(frozen=True, kw_only=True)
class Membership:
    """As of `day`; moves, the most frequent first, are since `before`."""

    picture: Members
    day: date | None = None
    before: date | None = None
    segments: tuple[SegmentFigure, ...] = ()
    moves: tuple[tuple[str, str, int], ...] = ()
    cohorts: tuple[Cohort, ...] = ()


def read_members(lakehouse: Lakehouse, picture: Members) -> Membership:
    """As of the newest day that the table keeps.

    Raises:
        TableFeatureError, UnreadableTableError: the table cannot be read.
        TransientError: the storage did not answer.
    """
    snapshot = lakehouse.find(picture.table)
    days = [] if snapshot is None else snapshot.days
    if snapshot is None or not days:
        return Membership(picture=picture)
    day = days[-1]
    before = next((kept for kept in days[:-1] if kept >= day - BACK), None)
    names = ("member", "segment", "first_day", "last_day", "value")
    columns = {name: pl.col(getattr(picture, name)) for name in names}
    columns["value"] = columns["value"].cast(pl.Float64)
    columns["segment"] = columns["segment"].cast(pl.String).fill_null("unknown")
    now = snapshot.scan(partitions=[day]).select(**columns).collect()
    then = now.clear() if before is None else snapshot.scan(partitions=[before]).select(**columns).collect()
    return Membership(
        picture=picture,
        day=day,
        before=before,
        segments=_segments(now, None if before is None else then),
        moves=_moves(then, now) if before else (),
        cohorts=_cohorts(now, day),
    )


def _segments(now: pl.DataFrame, then: pl.DataFrame | None) -> tuple[SegmentFigure, ...]:
    """The largest first."""
    counted = now.group_by("segment").agg(pl.len().alias("members"), pl.col("value").sum())
    before = {} if then is None else dict(then.group_by("segment").len().iter_rows())
    left = [name for name in before if name not in set(counted["segment"])]
    rows = [*counted.select("segment", "members", "value").iter_rows(), *((name, 0, 0.0) for name in left)]
    return tuple(
        SegmentFigure(
            segment=segment, members=members, value=value, before=None if then is None else before.get(segment, 0)
        )
        for segment, members, value in sorted(rows, key=lambda row: (-row[1], row[0]))
    )


def _moves(then: pl.DataFrame, now: pl.DataFrame) -> tuple[tuple[str, str, int], ...]:
    """From, to and how many, of those who are no longer where they were."""
    both = then.select("member", origin="segment").join(
        now.select("member", target="segment"), on="member", how="full", coalesce=True
    )
    named = both.with_columns(pl.col("origin").fill_null(NEW), pl.col("target").fill_null(GONE))
    moved = named.filter(pl.col("origin") != pl.col("target")).group_by("origin", "target").len("members")
    ordered = moved.sort("members", "origin", "target", descending=[True, False, False])
    return tuple(ordered.head(MOVES).iter_rows())


def _cohorts(now: pl.DataFrame, day: date) -> tuple[Cohort, ...]:
    """The newest months, ascending."""
    by_month = now.group_by(pl.col("first_day").dt.truncate("1mo").alias("month")).agg(
        pl.len().alias("members"),
        (pl.col("last_day") > day - ACTIVE).sum().alias("active"),
        pl.col("value").mean(),
    )
    rows = by_month.drop_nulls("month").sort("month").tail(COHORTS)
    return tuple(
        Cohort(month=month, members=members, active=active, average_value=value)
        for month, members, active, value in rows.iter_rows()
    )
