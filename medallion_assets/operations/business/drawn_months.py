"""Totals of months as pictures: a column a month, and bars of who has the most of it.

Belongs here: words and looks.
Does not: the totals.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.operations.business.drawn_periods import MONTH, not_made, periods_picture, spanned
from medallion_assets.operations.business.month_totals import MonthFigures
from medallion_assets.operations.drawing.bars import stacked_bar
from medallion_assets.operations.drawing.markup import Content
from medallion_assets.operations.drawing.picture import Figures, Picture


def month_pictures(months: MonthFigures) -> Iterator[Picture]:
    """The months, then the newest of them by name."""
    picture, totals = months.picture, months.totals
    if not totals:
        yield not_made(picture.title, picture.table.name)
        return
    unit = picture.unit
    summed = f"{sum(month.total for month in totals):,.0f} {unit}"
    note = f"{summed}, {spanned(totals, '%b %Y')}"
    yield periods_picture(picture.title, unit, totals, note, MONTH)
    for month, top in months.top.items():
        most = max((total for _, total in top), default=0.0)
        rows: list[tuple[Content, ...]] = [
            (name, stacked_bar([("one", max(total, 0.0), f"{total:,.2f} {unit}")], most), f"{total:,.0f}")
            for name, total in top
        ]
        figure, words = (name.replace("_", " ") for name in (picture.figure, picture.top or ""))
        yield Picture(
            title=f"{month:%B %Y}: {figure} by {words}",
            note=f"the {len(rows)} with the most {figure}",
            figures=Figures(columns=(words, "", unit), rows=rows, numbers=frozenset({unit})),
        )
