"""Identity: which lakehouse this is, and whether it holds sample data.

Belongs here: the `operations.lakehouse` table, one row that the first stage which needs it writes and others read.
Does not: telling a sample from a real export (refining.samples), or what may be done with samples (serving).

A copy of a lakehouse has the same id: what is restored or moved goes on as it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import polars as pl

from medallion_assets.contracts.table import Boolean, Column, Table, Text, TimestampUtc
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot

LAKEHOUSE = Table(
    name="operations.lakehouse",
    description="Which lakehouse this is, and whether it holds sample data; one row.",
    key=("lakehouse_id",),
    columns=(
        Column("lakehouse_id", Text(), "its id, made once; copies keep it"),
        Column("made_at", TimestampUtc(), "when the id was made"),
        Column("made_by", Text(), "who ran the stage that made it"),
        Column("is_sample", Boolean(), "whether sample data was ever loaded: then it is published locally alone"),
        Column("note", Text(), "what made it hold samples: the first export of them", nullable=True),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The row of LAKEHOUSE."""

    lakehouse_id: str
    made_at: datetime
    made_by: str
    is_sample: bool
    note: str | None = None


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
        made_by=lakehouse.author.get("started_by", "unknown"),
        is_sample=sample is not None,
        note=sample,
    )


def _identity(snapshot: Snapshot) -> Identity | None:
    rows = snapshot.scan().collect().rows(named=True)
    return Identity(**rows[0]) if rows else None


def _write(lakehouse: Lakehouse, change: Callable[[Identity | None], Identity]) -> Identity:
    """Replace the row by what `change` makes of it, in one commit; none when that is the same."""

    def write() -> Identity:
        snapshot = lakehouse.ready(LAKEHOUSE)
        known = _identity(snapshot)
        wanted = change(known)
        if wanted != known:
            row = pl.DataFrame([asdict(wanted)], schema=polars_schema(LAKEHOUSE))
            snapshot.commit([snapshot.stage(row.lazy())], remove=snapshot.files["path"] if known else ())
        return wanted

    return until_committed(write)
