"""Table updates: whether one or several tables have versions that their consumer has not taken in, and what to do.

Belongs here: when to ask, as a pure function of the clock, the cursor and the tables' versions.
Does not: reading versions and what was consumed, or when and how often to ask.

What was consumed comes from the consumer's own log, never from the cursor, so a lost cursor asks for nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from medallion_assets.contracts.policies import Timers
from medallion_assets.contracts.triggers import Mode
from medallion_assets.triggers.asking import Asking, asking
from medallion_assets.triggers.debounce import DebounceState, Observation, signature_of


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCursor:
    """What a sensor remembers."""

    version: Literal[1] = 1
    state: DebounceState = field(default_factory=DebounceState)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A table (`layer.table`, with its Delta id) at its latest `version`, which was committed at `changed_at`.

    `consumed` is the version that the consumer has taken in; None while it has taken nothing. `note` is anything else
    that makes it worth another try, such as a person's decision or other rules; `waits` says why an update cannot be
    taken in yet. `months` are those that have an update, of tables that have months.
    """

    table: str
    version: int
    changed_at: datetime
    table_id: str = ""
    consumed: int | None = None
    note: str = ""
    waits: str = ""
    months: tuple[date, ...] = ()

    @property
    def is_updated(self) -> bool:
        """Whether there is something to take in. Version 0 is the table as it was made, empty."""
        return not self.waits and self.version > (self.consumed or 0)


def evaluate(
    now: datetime, cursor: UpdateCursor, tables: Sequence[Watched], mode: Mode, timers: Timers
) -> Asking[UpdateCursor, Watched]:
    """Whether to ask for a run now: any or all of the tables have an update, and the timers hold.

    Nobody asks while a run is at work: see `asking.while_active`.
    """
    updated = [table for table in tables if table.is_updated]
    observation, what = None, format_updates(updated)
    if updated and (mode is Mode.ANY or len(updated) == len(tables)):
        seen = sorted([table.table, table.table_id, table.version, table.note] for table in updated)
        observation = Observation(signature=signature_of(seen), changed_at=max(table.changed_at for table in updated))
    else:
        waits = [table.waits for table in tables if table.waits]
        what = "; ".join([f"only {what}" if updated else "no new version", *waits])
    again = "a new version, a decision or a manual run starts it again"
    return asking(now, cursor, observation, timers, wanted=updated, what=what, again=again)


def format_updates(tables: Sequence[Watched]) -> str:
    """Updates for people."""
    return ", ".join(f"version {table.version} of {table.table}" for table in tables)
