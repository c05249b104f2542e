"""The age of a batch: how long after its time readers have what it changed (rule V5).

Belongs here: when a run has one, and which.
Does not: how far tables reach, or what happens when a batch is too old.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from medallion_assets.contracts.coverage import Coverage
from medallion_assets.delta.row_tables.identity import read_identity
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse


def export_age(
    lake: Lakehouse,
    *,
    before: Callable[[], Coverage],
    reached: Coverage,
    now: datetime,
    seconds: float,
    warn: Callable[[str], object],
) -> dict[str, float]:
    """The age of the newest batch, as `export_age_seconds`, `seconds` after `now`, when the run began.

    Readers' figures followed from sources that reached to `before`, and now do from what reaches to `reached`. It is
    left out of what comes first, which is as late as somebody began, of what brings no new batch, of samples, and
    where nobody says how far the sources reach. Where it cannot be read, `warn` is told: no work fails for it.
    """
    if reached.until is None:
        return {}
    try:
        seen, identity = before(), read_identity(lake)
    except LAKEHOUSE_ERRORS as error:
        warn(f"how old the newest batch is was not noted: {error}")
        return {}
    if seen.until is None or reached.until <= seen.until or (identity and identity.is_sample):
        return {}
    return {"export_age_seconds": max((now - reached.until).total_seconds(), 0.0) + seconds}
