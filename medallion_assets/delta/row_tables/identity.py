"""Identity: which lakehouse this is, and whether it holds sample data.

Belongs here: the `operations.lakehouse` table, one row that the first stage which needs it writes and others read.
Does not: telling a sample from a real export, or what may be done with samples (publishing).

A copy of a lakehouse has the same id: what is restored or moved goes on as it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.notes.authors import STARTED_BY
from medallion_assets.delta.row_tables.rows import commit_rows, row_table, rows_of
from medallion_assets.delta.table import Lakehouse, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The row of LAKEHOUSE."""

    lakehouse_id: Annotated[str, "its id, made once; copies keep it"]
    made_at: Annotated[datetime, "when the id was made"]
    made_by: Annotated[str, "who ran the stage that made it"]
    is_sample: Annotated[bool, "whether sample data was ever loaded: then it is published only locally"]
    note: Annotated[str | None, "why it is marked: the first sample export"] = None


LAKEHOUSE = row_table(
    Identity,
    name="operations.lakehouse",
    description="Which lakehouse this is, and whether it contains sample data; one row.",
    key=("lakehouse_id",),
)


def read_identity(lakehouse: Lakehouse) -> Identity | None:
    """Which lakehouse this is; None when no stage has said so yet. Nothing is written."""
    found = lakehouse.find(LAKEHOUSE)
    return None if found is None else _identity(found)


def ensure_identity(lakehouse: Lakehouse, *, now: datetime, first_sample: Callable[[], str | None]) -> Identity:
    """Which lakehouse this is, made if need be; `first_sample` then names what it holds of samples already, or None.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    return read_identity(lakehouse) or _write(lakehouse, lambda known: known or _new(lakehouse, now, first_sample()))


def mark_as_sample(lakehouse: Lakehouse, *, now: datetime, note: str) -> Identity:
    """Say for good that the lakehouse holds samples; `note` names the first of them.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """

    def marked(known: Identity | None) -> Identity:
        known = known or _new(lakehouse, now, note)
        return known if known.is_sample else replace(known, is_sample=True, note=note)

    return _write(lakehouse, marked)


def _new(lakehouse: Lakehouse, now: datetime, sample: str | None) -> Identity:
    return Identity(
        lakehouse_id=str(uuid.uuid4()),
        made_at=now,
        made_by=lakehouse.author.get(STARTED_BY, "unknown"),
        is_sample=sample is not None,
        note=sample,
    )


def _identity(snapshot: Snapshot) -> Identity | None:
    return next(iter(rows_of(LAKEHOUSE, snapshot.scan().collect())), None)


def _write(lakehouse: Lakehouse, change: Callable[[Identity | None], Identity]) -> Identity:
    """Replace the row by what `change` makes of it, in one commit; none when that is the same."""

    def write() -> Identity:
        snapshot = lakehouse.ready(LAKEHOUSE)
        known = _identity(snapshot)
        wanted = change(known)
        if wanted != known:
            commit_rows(snapshot, LAKEHOUSE, [wanted], instead=True)
        return wanted

    return until_committed(write)
