"""Totals of days: a figure of a Gold table by business day, and its shares.

Belongs here: reading them from Gold, the newest days alone.
Does not: drawing them, or how far the data reach.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.contracts.pictures import DayTotals
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.business.period_figure import PeriodFigure
from medallion_assets.operations.freshness.reach import is_provisional
from medallion_assets.operations.tables.refused import UNREADABLE

MOST_SHARES = 8
"""What has less than the others is put together as `other`."""
OTHER = "other"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Days, ascending, and by column the share of the whole that each value has, the greatest first.

    `is_readable` is false where something of the table is broken. Days on which nothing happened are 0.
    """

    picture: DayTotals
    is_readable: bool = True
    days: tuple[PeriodFigure, ...] = ()
    shares: Mapping[str, tuple[tuple[str, float], ...]]


def read_totals(lakehouse: Lakehouse, picture: DayTotals, covered_until: datetime | None, *, days: int) -> Totals:
    """The newest `days` that hold rows; none of a table that cannot be read, which the log says.

    Raises:
        TransientError: the storage did not answer.
    """
    try:
        return _totals(lakehouse, picture, covered_until, days)
    except UNREADABLE:
        LOG.warning("%s cannot be read", picture.table.name, exc_info=True)
        return Totals(picture=picture, is_readable=False, shares={})


def _totals(lakehouse: Lakehouse, picture: DayTotals, covered_until: datetime | None, days: int) -> Totals:
    snapshot = lakehouse.find(picture.table)
    if snapshot is None:
        return Totals(picture=picture, shares={})
    newest = snapshot.days[-days:]
    columns = pl.col(picture.partition, *picture.shares), pl.col(picture.figure).cast(pl.Float64)
    rows = snapshot.scan(partitions=newest).select(*columns).collect()
    by_day = dict(rows.group_by(picture.partition).agg(pl.col(picture.figure).sum()).sort(picture.partition).rows())
    every = pl.date_range(newest[0], newest[-1], eager=True).to_list()[-days:] if newest else []
    return Totals(
        picture=picture,
        days=tuple(
            PeriodFigure(
                start=day,
                total=by_day.get(day, 0.0),
                is_provisional=is_provisional(end_of_business_day(day), covered_until),
            )
            for day in every
        ),
        shares={column: _shares(rows, column, picture.figure) for column in picture.shares},
    )


def _shares(rows: pl.DataFrame, column: str, figure: str) -> tuple[tuple[str, float], ...]:
    """What each value of a column has of the figure; what is below 0 counts as 0."""
    summed = rows.group_by(pl.col(column).cast(pl.String).fill_null("unknown").alias("name")).agg(
        pl.col(figure).sum().clip(lower_bound=0).alias("total")
    )
    ordered = summed.sort("total", "name", descending=[True, False])
    named, rest = ordered.head(MOST_SHARES), ordered.slice(MOST_SHARES)["total"].sum()
    found = [*named.iter_rows(), *([(OTHER, rest)] if rest > 0 else [])]
    return tuple((name, float(total)) for name, total in found)
