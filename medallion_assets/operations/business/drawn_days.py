"""Totals of days as pictures: a column a day, provisional ones hollow, and shares of the whole as bars.

Belongs here: words and looks.
Does not: the totals.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.operations.business.day_totals import DayFigure, Totals
from medallion_assets.operations.drawing.bars import stacked_bar
from medallion_assets.operations.drawing.charts import Column, column_chart
from medallion_assets.operations.drawing.markup import Content
from medallion_assets.operations.drawing.picture import MOST_ROWS, Figures, Key, Picture
from medallion_assets.operations.drawing.scales import Scale, from_zero, short_number

LEGEND = (Key(look="one", shape="box", text="complete"), Key(look="hollow", shape="box", text="provisional"))
UNKNOWN = (Key(look="vague", shape="box", text="it is not known whether it is complete"),)
STATES = {True: "provisional", False: "complete", None: "unknown"}
LOOKS = {True: "hollow", False: "one", None: "vague"}


def not_made(title: str, table: str) -> Picture:
    """A picture of a table that has not been made."""
    return Picture(title=title, note=f"{table} does not exist yet.")


def days_picture(totals: Totals) -> Picture:
    """A column for each day."""
    picture, days = totals.picture, totals.days
    if not days:
        return not_made(picture.title, picture.table.name)
    unit = picture.unit
    provisional = sum(day.is_provisional is True for day in days)
    summed = f"{sum(day.total for day in days):,.0f} {unit} in {_days(len(days))}, {days[0].day} to {days[-1].day}"
    columns = [
        Column(label=f"{day.day:%-d %b}", value=day.total, look=LOOKS[day.is_provisional], text=_said(day, unit))
        for day in days
    ]
    rows = [(str(day.day), f"{day.total:,.2f}", STATES[day.is_provisional]) for day in reversed(days[-MOST_ROWS:])]
    return Picture(
        title=picture.title,
        note=summed + (f"; {provisional:,} of them provisional" if provisional else ""),
        drawing=column_chart(columns, _scale(days), written=short_number),
        legend=UNKNOWN if days[-1].is_provisional is None else LEGEND,
        figures=Figures(columns=("day", unit, "state"), rows=rows, numbers=frozenset({unit})),
        is_wide=True,
    )


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
            note=f"of the {_days(len(totals.days))} above",
            figures=Figures(columns=(words, "", "share", unit), rows=rows, numbers=frozenset({"share", unit})),
        )


def _scale(days: tuple[DayFigure, ...]) -> Scale:
    """From 0, or from a round value below the lowest day."""
    scale, lowest = from_zero(max(day.total for day in days)), min(day.total for day in days)
    return scale if lowest >= 0 else Scale(low=-from_zero(-lowest).high, high=scale.high)


def _said(day: DayFigure, unit: str) -> str:
    state = "" if day.is_provisional is None else f", {STATES[day.is_provisional]}"
    return f"{day.day:%a %-d %b %Y}: {day.total:,.2f} {unit}{state}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"
