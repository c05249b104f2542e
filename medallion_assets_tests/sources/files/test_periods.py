"""Forms of file names: what each says that a file covers, and forms that say nothing sure (rule V1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.errors import PermanentError
from medallion_assets.sources.files.files import Files
from medallion_assets.sources.files.periods import period_of
from medallion_assets_tests.sources.files.reading import CHANGES

MOMENT = datetime(2025, 3, 10, 7, tzinfo=UTC)
DAY = MOMENT.replace(hour=0)
MONTHS, HOUR = (datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)), timedelta(hours=1)


@pytest.mark.parametrize(
    ("form", "period"),
    [
        ("x-%Y-%m", MONTHS),
        ("%b%y", MONTHS),
        ("%B %Y", MONTHS),
        ("x-%Y-%m-%d", (DAY, DAY + timedelta(days=1))),
        ("%d_%b_%y", (DAY, DAY + timedelta(days=1))),
        ("%Y%j", (DAY, DAY + timedelta(days=1))),
        ("%Y-%m-%dT%H", (MOMENT, MOMENT + HOUR)),
        ("%Y%m%dT%H%M%S", (MOMENT, MOMENT + HOUR)),
        ("%Y%j-%H%M", (MOMENT, MOMENT + HOUR)),
    ],
)
def test_a_name_says_a_month_a_day_or_an_hour(form: str, period: tuple[datetime, datetime]) -> None:
    assert replace(CHANGES, covers=form).covers == form
    assert period_of(f"{MOMENT:{form}}.csv", form) == period


@pytest.mark.parametrize(
    "form",
    [
        "x-%Y",
        "%y",
        "orders",
        "%m-%d",
        "x-%Y-W%W-%w",
        "%G-W%V-%u",
        "%Y-%U-%a",
        "%Y-%m-%j",
        "%Y-%m-%b",
        "%Y-%m-%m",
        "%Y-%d",
        "%Y-%m-%H",
        "%Y-%m-%d-%M",
        "%Y-%m-%d %H_%S",
        "%Y-%m-%d %I%p",
        "%Y%m%dT%H%M%S%z",
        "%F",
        "%Y-%m%",
        "%Y-%m-%%d",
    ],
)
def test_a_form_that_tells_no_month_day_or_hour_is_refused(form: str) -> None:
    """A week counted as a month would complete days whose files are missing."""
    with pytest.raises(PermanentError, match=r"expected: a form such as %Y-%m \(a month\), .*; found: covers="):
        replace(CHANGES, covers=form)
    with pytest.raises(PermanentError, match="found: partition="):
        Files(pattern="*.csv", kind=BatchKind.PARTITION, partition=form)
