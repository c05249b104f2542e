"""Writing a page where the lakehouse is.

Belongs here: that a reader finds the old page or the new one, whole, and that a browser knows what it is.
Does not: what a page says, or where it lies.
"""

from __future__ import annotations

from medallion_assets.delta.table import Lakehouse
from medallion_assets.storage.stores import open_store, write_bytes

HTML = "text/html; charset=utf-8"


def write_page(lakehouse: Lakehouse, place: str, page: str) -> int:
    """Write a page, and give its size in bytes; it takes the place of the one before when it is whole.

    Raises:
        PermanentError: no access to the place.
        TransientError: the storage did not answer.
    """
    content = page.encode()
    write_bytes(open_store(lakehouse.url, lakehouse.storage_options), place, content, content_type=HTML)
    return len(content)
