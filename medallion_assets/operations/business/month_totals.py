"""Totals of months: a figure of a table by month, and who has the most of it in each.

Belongs here: reading them, the newest months alone.
Does not: drawing them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.contracts.months import month_after
from medallion_assets.contracts.pictures import MonthTotals
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.business.period_figure import PeriodFigure
from medallion_assets.operations.freshness.reach import is_provisional

MONTHS, MONTHS_WITH_TOP, TOP = 24, 3, 8


@dataclass(frozen=True, kw_only=True)
class MonthFigures:
    """Totals by month, ascending; of the newest months those with the greatest figures, newest month first."""

    picture: MonthTotals
    totals: tuple[PeriodFigure, ...] = ()
    top: Mapping[date, tuple[tuple[str, float], ...]]


def read_months(lakehouse: Lakehouse, picture: MonthTotals, covered_until: datetime | None) -> MonthFigures:
    """The newest MONTHS that hold rows.

    Raises:
        TableFeatureError, UnreadableTableError: the table cannot be read.
        TransientError: the storage did not answer.
    """
    snapshot = lakehouse.find(picture.table)
    if snapshot is None:
        return MonthFigures(picture=picture, top={})
    newest = snapshot.days[-MONTHS:]
    columns = [picture.partition, *([] if picture.top is None else [picture.top])]
    figure = pl.col(picture.figure).cast(pl.Float64)
    rows = snapshot.scan(partitions=newest).select(*columns, figure).collect()
    totals = rows.group_by(picture.partition).agg(pl.col(picture.figure).sum()).sort(picture.partition)
    return MonthFigures(
        picture=picture,
        totals=tuple(
            PeriodFigure(
                start=month,
                total=total,
                is_provisional=is_provisional(_end_of(lakehouse.catalog, picture.table, month), covered_until),
            )
            for month, total in totals.iter_rows()
        ),
        top={month: _top(rows, picture, month) for month in reversed(newest[-MONTHS_WITH_TOP:]) if picture.top},
    )


def _end_of(catalog: Catalog, table: Table, month: date) -> datetime:
    """The moment after a month, as the Gold table declares it; a month of dbt models is one of business days."""
    gold = catalog.gold_by(table.name)
    return end_of_business_day(month_after(month) - timedelta(days=1)) if gold is None else gold.end_of(month)


def _top(rows: pl.DataFrame, picture: MonthTotals, month: date) -> tuple[tuple[str, float], ...]:
    name = pl.col(picture.top or "").cast(pl.String).fill_null(picture.unnamed).alias("name")
    summed = (
        rows.filter(pl.col(picture.partition) == month).group_by(name).agg(pl.col(picture.figure).sum().alias("total"))
    )
    return tuple(summed.sort("total", "name", descending=[True, False]).head(TOP).iter_rows())
