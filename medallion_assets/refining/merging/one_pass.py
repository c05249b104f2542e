"""One pass: when rows of all days can be written by day at a time, within an engine's bounds.

Belongs here: how many rows of each day are held until they are written.
Does not: writing them, or what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from medallion_assets.delta.files.partitioned_files import MOST_OPEN
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.extent import Extent, total
from medallion_assets.engines.pieces import LONG_ROW_BYTES

MOST_HELD = 32_768
"""Rows of a day that are held until they are written, as a row group: as many as there is room for, up to here."""


def held_of_each(days: Mapping[date | None, Extent], bounds: Bounds) -> int | None:
    """How many rows are held of each day, so that all days are within the bounds and each is written in few files.

    None where rows are long, or in very many days: so little would be held of each that it takes several passes.
    """
    if not days or max(extent.row_bytes for extent in days.values()) > LONG_ROW_BYTES:
        return None
    longest, height = max(extent.rows for extent in days.values()), MOST_HELD
    while height >= bounds.held_of_day:
        held = total(extent.of(height) for extent in days.values())
        are_open = len(days) <= MOST_OPEN or longest <= height
        if held.rows <= bounds.group_rows and held.size <= bounds.group_bytes and are_open:
            return height
        height //= 2
    return None
