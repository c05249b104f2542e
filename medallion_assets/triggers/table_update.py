"""Table updates: whether one or several tables have versions that their consumer has not taken in, and what to do.

Belongs here: the decision, as a pure function of the clock, the cursor and the tables' versions.
Does not: reading versions and what was consumed, or when and how often to ask.

What was consumed comes from the consumer's own log, never from the cursor, so a lost cursor asks for nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from medallion_assets.contracts.table import Timers
from medallion_assets.contracts.triggers import Mode
from medallion_assets.triggers.cursors import dump_cursor, load_cursor
from medallion_assets.triggers.debounce import ATTEMPTS, Ask, Observation, State, signature_of, waiting
from medallion_assets.triggers.debounce import decide as debounce


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """What a sensor remembers."""

    version: Literal[1] = 1
    state: State = field(default_factory=State)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A table (`layer.table`, with its Delta id) at its latest `version`, which was committed at `changed_at`.

    `consumed` is the version that the consumer has taken in; None while it has taken nothing. `note` is anything else
    that makes it worth another try, such as a person's decision or other rules; `waits` says why an update cannot be
    taken in yet.
    """

    table: str
    version: int
    changed_at: datetime
    table_id: str = ""
    consumed: int | None = None
    note: str = ""
    waits: str = ""

    @property
    def is_updated(self) -> bool:
        """Whether there is something to take in. Version 0 is the table as it was made, empty."""
        return not self.waits and self.version > (self.consumed or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDecision:
    """What to ask for (`updated` are the tables that have an update), the next cursor, and else why not.

    `gives_up` is true for the one tick in which asking ends.
    """

    cursor: str
    state: State
    ask: Ask | None = None
    updated: Sequence[Watched] = ()
    reason: str = ""
    gives_up: bool = False


def decide(now: datetime, cursor: str | None, tables: Sequence[Watched], mode: Mode, timers: Timers) -> UpdateDecision:
    """Whether to ask for a run now: any or all of the tables have an update, and the timers hold.

    Nobody decides while a run is at work: see `while_active`.
    """
    before = (load_cursor(Cursor, cursor) or Cursor()).state
    updated = [table for table in tables if table.is_updated]
    observation = None
    if updated and (mode is Mode.ANY or len(updated) == len(tables)):
        seen = sorted([table.table, table.table_id, table.version, table.note] for table in updated)
        observation = Observation(signature=signature_of(seen), changed_at=max(table.changed_at for table in updated))
    ask, state = debounce(now, before, observation, timers)
    return UpdateDecision(
        cursor=dump_cursor(Cursor(state=state)),
        state=state,
        ask=ask,
        updated=updated,
        reason=_reason(now, tables, observation, state, timers),
        gives_up=state.given_up and not before.given_up,
    )


def while_active(now: datetime, cursor: str | None, timers: Timers) -> UpdateDecision:
    """Nothing is asked for, and nobody needs to look, while a run of the consumer is queued or at work."""
    before = (load_cursor(Cursor, cursor) or Cursor()).state
    _, state = debounce(now, before, None, timers, is_active=True)
    return UpdateDecision(
        cursor=dump_cursor(Cursor(state=state)), state=state, reason="a run for this table is queued or at work"
    )


def format_updates(tables: Sequence[Watched]) -> str:
    """Updates for people."""
    return ", ".join(f"version {table.version} of {table.table}" for table in tables)


def _reason(
    now: datetime, tables: Sequence[Watched], observation: Observation | None, state: State, timers: Timers
) -> str:
    updated = [table for table in tables if table.is_updated]
    if observation is None:
        waits = [table.waits for table in tables if table.waits]
        return "; ".join(["no new version" if not updated else f"only {format_updates(updated)}", *waits])
    if state.given_up:
        do = "a new version, a decision or a run by hand starts it again"
        return f"given up after {ATTEMPTS} attempts: {format_updates(updated)}; {do}"
    return f"{format_updates(updated)} wait{'s' if len(updated) == 1 else ''} for {waiting(now, state, timers)}"
