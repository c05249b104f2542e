"""Notices: alerts of what only triggers know, each with its key and words.

Belongs here: what schedules and the ends of runs say.
Does not: raising them (triggers), or what follows from tables.

A skipped run is one that was asked for and did not come to its end without having failed: a person, or a program on
their behalf, canceled it, in the queue or at work; or its days were missed while the daemon was down, and settings say
that such days are not closed afterwards. Sensors that wait (a timer, a run for the same table at work) skip nothing:
they ask later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from medallion_assets.errors import PermanentError
from medallion_assets.operations.tables.alerts import Alert


def days_skipped(table: str, days: Sequence[date], *, job: str) -> Alert:
    """What a schedule says that leaves days unclosed, as settings say; `days` ascend, one at least.

    The last of them names the occurrence: as long as no other day is missed, there is nothing new to say.
    """
    return Alert(
        key=f"days_skipped/{table}/{days[-1]}",
        kind="skipped",
        what=f"not closed while the daemon was down: {', '.join(map(str, days))}; MEDALLION_MISSED_DAYS is skip",
        where=table,
        table=table,
        job=job,
        do="start a backfill of these days in the UI, if you need them",
    )


def unseen(table: str, error: PermanentError, now: datetime, *, job: str) -> Alert:
    """What a sensor says, once a day, of a table that it cannot look at: no run fails, for none is asked for."""
    return Alert(
        key=f"unseen/{table}/{now.date()}",
        kind="failure",
        what=f"it cannot be seen whether there is work for {table}: {error}",
        where=table,
        table=table,
        job=job,
        do=error.do or "do what the error says; what waits is then done by itself",
    )


def run_succeeded(run_id: str, *, job: str, what: str) -> Alert:
    """The notice of a run that succeeded, where settings ask for every run of its job."""
    key, said = f"succeeded/{run_id}", f"{job} succeeded"
    return Alert(key=key, kind="success", what=said, where=what, do="nothing", run_id=run_id, job=job)


def run_canceled(run_id: str, *, job: str, what: str) -> Alert:
    """The notice of a run that was ended before its time, or never began."""
    return Alert(
        key=f"canceled/{run_id}",
        kind="skipped",
        what=f"{job} was canceled before it finished",
        where=what,
        do="nothing, if this was intended: sensors request new work again; otherwise run it again from the UI",
        run_id=run_id,
        job=job,
    )
