"""Asking: what a trigger asks for at a tick, whatever it looks at.

Belongs here: the answer as a value, and how it follows from what is pending and from the timers.
Does not: what is pending, or the debouncing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from medallion_assets.contracts.policies import Timers
from medallion_assets.triggers.debounce import ATTEMPTS, Ask, DebounceState, Observation, debounce, waiting


class Remembers(Protocol):
    """A cursor, which is a dataclass with the state of the debouncing among its fields."""

    @property
    def state(self) -> DebounceState:
        """What the debouncing remembers from one look to the next."""
        ...


Cursor = TypeVar("Cursor", bound=Remembers)
Wanted = TypeVar("Wanted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking(Generic[Cursor, Wanted]):
    """Whether to ask for a run, for all that is `wanted`; the next cursor; and if nothing is asked for, why.

    `gives_up` is true for the one tick in which asking ends.
    """

    cursor: Cursor
    ask: Ask | None = None
    wanted: Sequence[Wanted] = ()
    reason: str = ""
    gives_up: bool = False

    def untold(self) -> Asking[Cursor, Wanted]:
        """The same, where nobody could be told that asking ends: it ends at the next tick again."""
        return replace(self, cursor=_with_state(self.cursor, replace(self.cursor.state, given_up=False)))


def asking(
    now: datetime,
    cursor: Cursor,
    observation: Observation | None,
    timers: Timers,
    *,
    wanted: Sequence[Wanted],
    what: str,
    again: str,
) -> Asking[Cursor, Wanted]:
    """What is asked for of what is pending. `what` names it for people, or says why nothing is.

    `again` says what makes a trigger that has given up ask once more.
    """
    ask, state = debounce(now, cursor.state, observation, timers)
    if observation is None:
        reason = what
    elif state.given_up:
        reason = f"given up after {ATTEMPTS} attempts: {what}; {again}"
    else:
        reason = f"{what} wait{'s' if len(wanted) == 1 else ''} for {waiting(now, state, timers)}"
    return Asking(
        cursor=_with_state(cursor, state),
        ask=ask,
        wanted=wanted,
        reason=reason,
        gives_up=state.given_up and not cursor.state.given_up,
    )


def while_active(now: datetime, cursor: Cursor, timers: Timers) -> Asking[Cursor, Any]:
    """Nothing is asked for, and nobody needs to look, while a run for it is queued or at work."""
    _, state = debounce(now, cursor.state, None, timers, is_active=True)
    return Asking(cursor=_with_state(cursor, state), reason="a run for this table is queued or running")


def _with_state(cursor: Cursor, state: DebounceState) -> Cursor:
    replaced: Callable[..., Cursor] = replace
    return replaced(cursor, state=state)
