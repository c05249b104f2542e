"""Renewing the dashboard: a run that ends writes the page where there is none, or where it is old or out of date.

Belongs here: when that is, and that no run fails for want of a page.
Does not: what the page says, or the asset that writes it.

The monitor writes the page every few minutes where a daemon is. Where none is, runs do. A stage that failed, or has
succeeded since, is on the page once its run has ended, wherever that is.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.alerts.delivery import Host
from medallion_assets.operations.dashboard.writing import PAGE, write_dashboard, written_at
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS, outcomes_changed

LOG = logging.getLogger(__name__)
OLD = timedelta(minutes=20)
"""More than passes between two looks of the monitor: where it is at work no run writes the page."""


def renew_dashboard(lakehouse: Lakehouse, now: datetime, *, host: Host, raw_url: str) -> bool:
    """Write the page if an attempt of a stage is known, and there is none or an old one; says whether it was.

    One that shows another outcome of a stage's last attempt is written anew, however young it is.
    What the storage refuses is logged; the monitor, or the next run, tries again.
    """
    try:
        if not lakehouse.exists(PIPELINE_RUNS):
            return False
        written = written_at(lakehouse)
        if written is not None and now - written < OLD and not outcomes_changed(lakehouse, written):
            return False
        write_dashboard(lakehouse, now, ui_url=host.ui_url, raw_url=raw_url, command_prefix=host.command_prefix)
    except LAKEHOUSE_ERRORS as error:
        LOG.warning("%s was not updated: %s", PAGE, error)
        return False
    return True
