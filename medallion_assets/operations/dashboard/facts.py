"""Facts: everything that the page shows, read once; of what happened the last DAYS alone.

Belongs here: which tables are read. Those that are not there are not made.
Does not: how the facts look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.expectation_results import read_results
from medallion_assets.operations.incident import Incident, read_incidents
from medallion_assets.operations.ledgers import read_ledgers
from medallion_assets.operations.pipeline_runs import read_attempts
from medallion_assets.operations.refused import refused_exports
from medallion_assets.operations.status import Status, read_status
from medallion_assets.refining.chain import Gap
from medallion_assets.refining.refused_exports import RefusedExport

DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known now. Frames have the columns of their tables; these and incidents come oldest first.

    `refusals` are exports that were refused and are still not in; `gaps` exports that wait, with their table.
    """

    status: Status
    attempts: pl.DataFrame
    results: pl.DataFrame
    incidents: list[Incident]
    refusals: list[RefusedExport]
    gaps: list[tuple[str, Gap]]

    @property
    def now(self) -> datetime:
        """When all this was so."""
        return self.status.at

    @property
    def since(self) -> datetime:
        """Where the charts begin: with what happened first, a day ago at least and DAYS days at most."""
        began: list[datetime] = [
            *self.attempts["started_at"].head(1),
            *self.results["judged_at"].head(1),
            self.now - timedelta(days=1),
        ]
        return max(min(began), self.now - timedelta(days=DAYS))


def read_facts(lakehouse: Lakehouse, now: datetime) -> Facts:
    """Everything, as it is now.

    Raises:
        TransientError: the storage did not answer.
    """
    since = (now - timedelta(days=DAYS)).date()
    return Facts(
        status=read_status(lakehouse, now),
        attempts=read_attempts(lakehouse, since=since),
        results=read_results(lakehouse, since=since),
        incidents=read_incidents(lakehouse, since=since),
        refusals=refused_exports(lakehouse),
        gaps=[(table.name, gap) for table, ledger in read_ledgers(lakehouse) for gap in ledger.gaps],
    )
