"""What stands above the columns of days and months: a period of one is named once, and is provisional or not."""

from __future__ import annotations

from datetime import date

import pytest

from medallion_assets.operations.business.drawn_periods import MONTH, periods_picture, spanned
from medallion_assets.operations.business.period_figure import PeriodFigure

OCTOBER = PeriodFigure(start=date(2019, 10, 1), total=180.0, is_provisional=True)
NOVEMBER = PeriodFigure(start=date(2019, 11, 1), total=20.0, is_provisional=True)


@pytest.mark.parametrize(
    ("months", "note"),
    [
        ([OCTOBER], "Oct 2019; provisional"),
        ([OCTOBER, NOVEMBER], "Oct 2019 to Nov 2019; 2 of them provisional"),
    ],
)
def test_a_period_of_one_month_is_that_month(months: list[PeriodFigure], note: str) -> None:
    assert periods_picture("Revenue", "USD", months, spanned(months, "%b %Y"), MONTH).note == note
