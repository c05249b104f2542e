"""Totals of months as pictures: a column a month, and bars of who has the most of it.

Belongs here: words and looks.
Does not: the totals.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.operations.business.drawn_days import not_made
from medallion_assets.operations.business.month_totals import Months
from medallion_assets.operations.drawing.bars import stacked_bar
from medallion_assets.operations.drawing.charts import Column, column_chart
from medallion_assets.operations.drawing.markup import Content
from medallion_assets.operations.drawing.picture import Figures, Picture
from medallion_assets.operations.drawing.scales import Scale, from_zero, short_number


def month_pictures(months: Months) -> Iterator[Picture]:
    """The months, then the newest of them by name."""
    picture, totals = months.picture, months.totals
    if not totals:
        yield not_made(picture.title, picture.table.name)
        return
    unit = picture.unit
    lowest = min(total for _, total in totals)
    scale = from_zero(max(total for _, total in totals))
    yield Picture(
        title=picture.title,
        note=f"{sum(total for _, total in totals):,.0f} {unit}, {totals[0][0]:%b %Y} to {totals[-1][0]:%b %Y}",
        drawing=column_chart(
            [
                Column(label=f"{month:%b %y}", value=total, look="one", text=f"{month:%B %Y}: {total:,.2f} {unit}")
                for month, total in totals
            ],
            scale if lowest >= 0 else Scale(low=-from_zero(-lowest).high, high=scale.high),
            written=short_number,
        ),
        figures=Figures(
            columns=("month", unit),
            rows=[(f"{month:%Y-%m}", f"{total:,.2f}") for month, total in reversed(totals)],
            numbers=frozenset({unit}),
        ),
    )
    for month, top in months.top.items():
        most = max((total for _, total in top), default=0.0)
        rows: list[tuple[Content, ...]] = [
            (name, stacked_bar([("one", max(total, 0.0), f"{total:,.2f} {unit}")], most), f"{total:,.0f}")
            for name, total in top
        ]
        words = (picture.top or "").replace("_", " ")
        yield Picture(
            title=f"{month:%B %Y}: top by {words}",
            note=f"the {len(rows)} with the most {picture.figure.replace('_', ' ')}",
            figures=Figures(columns=(words, "", unit), rows=rows, numbers=frozenset({unit})),
        )
