"""Totals of days or months as a picture: a column each, provisional ones hollow.

Belongs here: the words and looks that both have.
Does not: the totals, or what else is shown of days or months.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medallion_assets.operations.business.period_figure import PeriodFigure
from medallion_assets.operations.drawing.charts import ChartColumn, column_chart
from medallion_assets.operations.drawing.picture import MOST_ROWS, Figures, Key, Picture
from medallion_assets.operations.drawing.scales import Scale, from_zero, short_number

LEGEND = (Key(look="one", shape="box", text="complete"), Key(look="hollow", shape="box", text="provisional"))
UNKNOWN = (Key(look="vague", shape="box", text="completeness unknown"),)
STATES = {True: "provisional", False: "complete", None: "unknown"}
LOOKS = {True: "hollow", False: "one", None: "vague"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a kind of period is called, and how one is written as of strftime: below a column, beside it, in a row."""

    kind: str
    label: str
    spoken: str
    row: str


DAY = Words(kind="day", label="%-d %b", spoken="%a %-d %b %Y", row="%Y-%m-%d")
MONTH = Words(kind="month", label="%b %y", spoken="%B %Y", row="%Y-%m")


def not_made(title: str, table: str) -> Picture:
    """A picture of a table that has not been made."""
    return Picture(title=title, note=f"{table} does not exist yet.")


def unreadable(title: str, table: str) -> Picture:
    """A picture of a table that cannot be read."""
    return Picture(title=title, note=f"{table} cannot be read: `medallion verify --digests` says what is wrong.")


def spanned(periods: Sequence[PeriodFigure], written: str) -> str:
    """The first to the last of some periods, at least one, as of strftime; of a single one, that alone."""
    first, last = (f"{period.start:{written}}" for period in (periods[0], periods[-1]))
    return first if first == last else f"{first} to {last}"


def periods_picture(title: str, unit: str, periods: Sequence[PeriodFigure], note: str, words: Words) -> Picture:
    """A column for each of some periods, at least one, and a row for each of the newest."""
    provisional = sum(period.is_provisional is True for period in periods)
    return Picture(
        title=title,
        note=note + (_of_these(provisional, len(periods)) if provisional else ""),
        drawing=column_chart(
            [
                ChartColumn(
                    label=f"{period.start:{words.label}}",
                    value=period.total,
                    look=LOOKS[period.is_provisional],
                    text=_said(period, unit, words),
                )
                for period in periods
            ],
            _scale([period.total for period in periods]),
            written=short_number,
        ),
        legend=UNKNOWN if periods[-1].is_provisional is None else LEGEND,
        figures=Figures(
            columns=(words.kind, unit, "state"),
            rows=[
                (f"{period.start:{words.row}}", f"{period.total:,.2f}", STATES[period.is_provisional])
                for period in reversed(periods[-MOST_ROWS:])
            ],
            numbers=frozenset({unit}),
        ),
        is_wide=words is DAY,
    )


def _scale(totals: Sequence[float]) -> Scale:
    """From 0, or from a round value below the lowest total."""
    scale, lowest = from_zero(max(totals)), min(totals)
    return scale if lowest >= 0 else Scale(low=-from_zero(-lowest).high, high=scale.high)


def _of_these(provisional: int, periods: int) -> str:
    return "; provisional" if periods == 1 else f"; {provisional:,} of them provisional"


def _said(period: PeriodFigure, unit: str, words: Words) -> str:
    state = "" if period.is_provisional is None else f", {STATES[period.is_provisional]}"
    return f"{period.start:{words.spoken}}: {period.total:,.2f} {unit}{state}"
