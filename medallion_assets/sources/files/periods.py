"""Periods: the time that a file covers, as the date in its name says (rule V1).

Belongs here: which forms a name may have, reading it, and how long what it names is: an hour, a day or a month, in UTC.
Does not: how periods join up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.moments import EPOCH
from medallion_assets.sources.files.names import key_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONGEST_MONTH = timedelta(days=31)
ALLOWED = "a form such as %Y-%m (a month), %Y-%m-%d or %Y-%j (a day), or one of these days with %H (an hour)"
_DIRECTIVE = re.compile("%(.?)", re.DOTALL)
_YEARS, _MONTHS = ("Y", "y"), ("m", "b", "B")
_DATES = {year + rest for year in _YEARS for rest in ("j", *_MONTHS, *(f"{month}d" for month in _MONTHS))}
_TIMES = ("", "H", "HM", "HMS")
_ALLOWED = {frozenset(date + time) for date in _DATES for time in _TIMES if not time or date[-1] in "dj"}
"""Which directives of strptime a form has. All others would say another period than `period_of` takes the name for."""


def is_allowed(form: str) -> bool:
    """Whether a form of names, as of strptime, tells a month, a day or an hour, and nothing of it twice."""
    found = _DIRECTIVE.findall(form)
    return len(set(found)) == len(found) and frozenset(found) in _ALLOWED


def name_of(key: str) -> str:
    """What of a file's key may hold a date: its name, up to the first dot."""
    return key.rpartition("/")[2].partition(".")[0]


def period_of(key: str, form: str) -> tuple[datetime, datetime] | None:
    """From when until when a file covers its table, by a form of names as of strftime; None where its name has none."""
    try:
        begin = datetime.strptime(name_of(key), form).replace(tzinfo=UTC)
    except ValueError:
        return None
    if "%H" in form:
        return begin, begin + HOUR
    if "%d" in form or "%j" in form:
        return begin, begin + DAY
    return begin, (begin + LONGEST_MONTH).replace(day=1)


def covered_windows(batches: Iterable[Batch], form: str | None) -> list[Batch]:
    """The batches whose names tell a period, each with that as its window; see `contracts.source.Source.covered`.

    The first file also covers what was before it. Of the last period so much counts as there was when its file was
    written: more may come in another version of it.
    """
    found = [] if form is None else sorted(_windows(batches, form), key=lambda window: (window[0], window[1].id))
    last = max((begin for begin, _, _ in found), default=EPOCH)
    return [
        replace(
            batch,
            kind=BatchKind.FULL if batch.is_full else BatchKind.CHANGES,
            covers_from=EPOCH if number == 0 else begin,
            covers_to=end if begin < last else max(begin, min(end, batch.covers_to)),
        )
        for number, (begin, batch, end) in enumerate(found)
    ]


def _windows(batches: Iterable[Batch], form: str) -> Iterator[tuple[datetime, Batch, datetime]]:
    for batch in batches:
        if (period := period_of(key_of(batch.id), form)) is not None:
            yield period[0], batch, period[1]
