"""Totals of days as pictures: a column a day, and shares of the whole as bars.

Belongs here: words and looks.
Does not: the totals.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.errors.counted import number_of
from medallion_assets.operations.business.day_totals import Totals
from medallion_assets.operations.business.drawn_periods import DAY, not_made, periods_picture, spanned, unreadable
from medallion_assets.operations.drawing.bars import stacked_bar
from medallion_assets.operations.drawing.markup import Content
from medallion_assets.operations.drawing.picture import Figures, Picture


def days_picture(totals: Totals) -> Picture:
    """A column for each day; a text where the table is missing, empty or unreadable."""
    picture, days = totals.picture, totals.days
    if not totals.is_readable:
        return unreadable(picture.title, picture.table.name)
    if not days:
        return not_made(picture.title, picture.table.name)
    summed = f"{sum(day.total for day in days):,.0f} {picture.unit} in {number_of(len(days), 'day')}"
    note = f"{summed}, {spanned(days, DAY.row)}"
    return periods_picture(picture.title, picture.unit, days, note, DAY)


def share_pictures(totals: Totals) -> Iterator[Picture]:
    """A table of bars for each column whose shares were asked for."""
    for column, shares in totals.shares.items():
        whole = sum(total for _, total in shares)
        rows: list[tuple[Content, ...]] = [
            (
                name,
                stacked_bar([("one", total, f"{name}: {total:,.0f} {totals.picture.unit}")], whole),
                f"{total / whole:.1%}" if whole else "",
                f"{total:,.0f}",
            )
            for name, total in shares
        ]
        words, unit = column.replace("_", " "), totals.picture.unit
        yield Picture(
            title=f"{totals.picture.title.removesuffix(' by day')} by {words}",
            note=f"of the {number_of(len(totals.days), 'day')} above",
            figures=Figures(columns=(words, "", "share", unit), rows=rows, numbers=frozenset({"share", unit})),
        )
