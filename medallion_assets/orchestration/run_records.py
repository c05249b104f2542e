"""Records of runs, although one of them cannot be read.

Belongs here: reading the runs that Dagster keeps, where all at once fail for one of them.
Does not: what became of a run.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import dagster as dg
from sqlalchemy.exc import InterfaceError, OperationalError

from medallion_assets.operations.unread import Unread

OUTAGES = (OperationalError, InterfaceError, OSError)
LOG = logging.getLogger(__name__)


def readable_records(
    instance: dg.DagsterInstance, filters: dg.RunsFilter, unread: list[Unread], *, limit: int | None = None
) -> Sequence[dg.RunRecord]:
    """The runs that can be read, the newest first; the others go to `unread`.

    A row that a later release of Dagster wrote, or that is broken, breaks every reading of which it is a part. Raises
    what Dagster raises when its storage is away.
    """
    try:
        return instance.get_run_records(filters, limit=limit)
    except Exception:  # noqa: BLE001 - whatever broke it, the ids alone can be read
        return _halved(instance, instance.get_run_ids(filters, limit=limit), unread)


def readable_record(instance: dg.DagsterInstance, run_id: str, unread: list[Unread]) -> dg.RunRecord | None:
    """A run; None where there is none of that id, or it cannot be read: then it goes to `unread`."""
    return next(iter(readable_records(instance, dg.RunsFilter(run_ids=[run_id]), unread)), None)


def readable_runs(
    instance: dg.DagsterInstance, filters: dg.RunsFilter, *, limit: int | None = None
) -> list[dg.DagsterRun]:
    """The runs that can be read, the newest first; the others are left out, and named in the log."""
    unread: list[Unread] = []
    runs = [record.dagster_run for record in readable_records(instance, filters, unread, limit=limit)]
    for run in unread:
        LOG.warning("%s cannot be read, and is left out: %s", run.what, run.error)
    return runs


def _halved(instance: dg.DagsterInstance, run_ids: Sequence[str], unread: list[Unread]) -> list[dg.RunRecord]:
    """Halves of many runs are read, and halves of those that break: one that does costs few readings."""
    found: list[dg.RunRecord] = []
    middle = (len(run_ids) + 1) // 2
    for half in filter(None, (run_ids[:middle], run_ids[middle:])):
        try:
            found += instance.get_run_records(dg.RunsFilter(run_ids=half))
        except Exception as error:
            if _is_outage(error):
                raise
            if len(half) == 1:
                unread.append(unread_run(half[0], error))
            else:
                found += _halved(instance, half, unread)
    return found


def _is_outage(error: BaseException) -> bool:
    """Whether the storage is away, which says nothing of any run."""
    return isinstance(error, OUTAGES) or (error.__cause__ is not None and _is_outage(error.__cause__))


def unread_run(run_id: str, error: Exception) -> Unread:
    """That a run cannot be read, and why."""
    return Unread(what=f"run {run_id}", error=repr(error))
