"""Writing the page where the lakehouse is.

Belongs here: its place, and when it was written.
Does not: what the page says, or how pages are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import obstore

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.facts import DashboardFacts, read_facts
from medallion_assets.operations.dashboard.page import render
from medallion_assets.operations.drawing.writing import write_page
from medallion_assets.storage.failures import store_errors
from medallion_assets.storage.stores import NOT_THERE, open_store

PAGE = "operations/dashboard.html"
"""Where the page lies below the lakehouse URL."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written: the facts that the page shows, and its size."""

    facts: DashboardFacts
    size_bytes: int


def written_at(lakehouse: Lakehouse) -> datetime | None:
    """When the page was written, as the storage says; None when there is none.

    Raises:
        PermanentError: no access to the place.
        TransientError: the storage did not answer.
    """
    with store_errors(PAGE):
        try:
            return obstore.head(open_store(lakehouse.url, lakehouse.storage_options), PAGE)["last_modified"]
        except NOT_THERE:
            return None


def write_dashboard(
    lakehouse: Lakehouse, now: datetime, *, ui_url: str, raw_url: str | None = None, command_prefix: str = ""
) -> Written:
    """Write the page as of now.

    Runs are linked at `ui_url`; `command_prefix` is what people type before a command.

    Raises:
        PermanentError: no access to the place.
        TransientError: the storage did not answer.
    """
    facts = read_facts(lakehouse, now, raw_url=raw_url)
    page = render(facts, ui_url=ui_url, command_prefix=command_prefix)
    return Written(facts=facts, size_bytes=write_page(lakehouse, PAGE, page))
