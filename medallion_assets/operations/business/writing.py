"""Writing the business page where the lakehouse is.

Belongs here: its place.
Does not: what the page says, or how pages are written.
"""

from __future__ import annotations

from datetime import datetime

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.business.page import business_page
from medallion_assets.operations.drawing.writing import write_page

PAGE = "operations/business.html"
"""Where the page lies below the lakehouse URL."""


def write_business_page(lakehouse: Lakehouse, now: datetime) -> int:
    """Write the page as of now, and give its size in bytes.

    Raises:
        PermanentError: no access to the place.
        TransientError: the storage did not answer.
    """
    return write_page(lakehouse, PAGE, business_page(lakehouse, now))
