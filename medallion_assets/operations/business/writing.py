"""Writing the business page where the lakehouse is.

Belongs here: its place, and that a reader finds the old page or the new one, whole.
Does not: what the page says.
"""

from __future__ import annotations

from datetime import datetime

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.business.page import business_page
from medallion_assets.storage.stores import open_store, write_bytes

PAGE = "operations/business.html"
"""Where the page lies below the lakehouse URL."""
HTML = "text/html; charset=utf-8"


def write_business_page(lakehouse: Lakehouse, now: datetime) -> int:
    """Write the page as of now, and give its size in bytes; it takes the place of the one before when it is whole.

    Raises:
        PermanentError: no access to the place.
        TransientError: the storage did not answer.
    """
    page = business_page(lakehouse, now).encode()
    write_bytes(open_store(lakehouse.url, lakehouse.storage_options), PAGE, page, content_type=HTML)
    return len(page)
