"""The business page: what pipelines declare pictures of, read from Gold as it is now, as one HTML document.

Belongs here: reading all of it once, and the order of the page.
Does not: a kind of picture, or where the page is written.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from medallion_assets.contracts.pictures import DayTotals, Members
from medallion_assets.contracts.pictures import Picture as Declared
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.delta.row_tables.identity import read_identity
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.business.day_totals import read_totals
from medallion_assets.operations.business.drawn_days import days_picture, share_pictures
from medallion_assets.operations.business.drawn_members import member_pictures
from medallion_assets.operations.business.drawn_months import month_pictures
from medallion_assets.operations.business.drawn_periods import unreadable
from medallion_assets.operations.business.members import read_members
from medallion_assets.operations.business.month_totals import read_months
from medallion_assets.operations.drawing.page import render_page
from medallion_assets.operations.drawing.picture import Group, Picture
from medallion_assets.operations.freshness.checkpoint import read_checkpoints
from medallion_assets.operations.freshness.reach import Reaches, reaches
from medallion_assets.operations.tables.refused import UNREADABLE, tolerant

TITLE = "Business figures"
DAYS = 60
LOG = logging.getLogger(__name__)


@tolerant
def business_page(lakehouse: Lakehouse, now: datetime) -> str:
    """The whole page; nothing is written, and no table is made. A table that cannot be read takes no other's pictures.

    Raises:
        TransientError: the storage did not answer.
    """
    reached, identity = reaches(read_checkpoints(lakehouse)), read_identity(lakehouse)
    return render_page(
        "business/page.html",
        title=TITLE,
        now=now,
        business_now=now.astimezone(ZoneInfo(BUSINESS_TIME_ZONE)),
        is_sample=identity is not None and identity.is_sample,
        groups=[
            Group(
                name=pipeline.name,
                title=pipeline.name.replace("_", " ").capitalize(),
                nothing="",
                pictures=[shown for picture in pipeline.pictures for shown in _readable(lakehouse, picture, reached)],
            )
            for pipeline in lakehouse.catalog.pipelines
            if pipeline.pictures
        ],
    )


def _readable(lakehouse: Lakehouse, declared: Declared, reached: Reaches) -> list[Picture]:
    try:
        return list(_pictures(lakehouse, declared, reached))
    except UNREADABLE:
        LOG.warning("%s cannot be read", declared.table.name, exc_info=True)
        return [unreadable(declared.title, declared.table.name)]


def _pictures(lakehouse: Lakehouse, declared: Declared, reached: Reaches) -> Iterator[Picture]:
    covered_until = reached.get(declared.table.name)
    match declared:
        case DayTotals():
            totals = read_totals(lakehouse, declared, covered_until, days=DAYS)
            yield days_picture(totals)
            yield from share_pictures(totals)
        case Members():
            yield from member_pictures(read_members(lakehouse, declared))
        case _:
            yield from month_pictures(read_months(lakehouse, declared, covered_until))
