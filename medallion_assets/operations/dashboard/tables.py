"""Tables: the state of each, in the order in which data flows.

Belongs here: one line a table that a stage writes, and what its state is called, with the reason where it is bad.
Does not: what to do about it, or how it looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from medallion_assets.operations.dashboard.facts import DashboardFacts
from medallion_assets.operations.dashboard.needs import Need
from medallion_assets.operations.stages import stages
from medallion_assets.operations.status import StageStatus
from medallion_assets.operations.tables.monitoring import Freshness


class Mood(StrEnum):
    """How a state is to be read, at a glance."""

    GOOD = "good"
    BAD = "bad"
    LOOK = "look"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLine:
    """A line. `need` is the number (from 1) of the entry that says what to do; `reason` says why a state is not good.

    `covered_until`, and how far `behind` that is, are None where nobody says how far data reach, or nothing is covered;
    `age` is the time since the last refresh, None: never.
    """

    table: str
    mood: Mood
    state: str
    reason: str
    need: int | None
    covered_until: datetime | None
    behind: timedelta | None
    age: timedelta | None
    limit_hours: float | None
    quality: float | None
    row_count: int | None


def table_states(facts: DashboardFacts, needs: list[Need]) -> list[TableLine]:
    """One line a table; the same fact is not told in two of them."""
    fresh = {found.table: found for found in facts.status.freshness}
    done = {found.stage: found for found in facts.status.stages}
    entries = dict[str, int]()
    for number, need in enumerate(needs, start=1):
        for table in (need.where, *need.also):
            entries.setdefault(table, number)
    lines = []
    for stage in stages(facts.catalog):
        name = stage.table.name
        refreshed = fresh[name].last_refreshed
        age = None if refreshed is None else facts.now - refreshed
        causes = [need for need in needs if need.where == name]
        mood, state, reason = _state(fresh[name], done[name], causes)
        lines.append(
            TableLine(
                table=name,
                mood=mood,
                state=state,
                reason=reason,
                need=entries.get(name),
                covered_until=fresh[name].covered_until,
                behind=fresh[name].behind(facts.now),
                age=age,
                limit_hours=fresh[name].sla_hours,
                quality=done[name].quality,
                row_count=fresh[name].row_count,
            )
        )
    return lines


def _state(fresh: Freshness, done: StageStatus, causes: list[Need]) -> tuple[Mood, str, str]:
    """What is worst about a table comes first."""
    if done.is_broken and done.last is not None:
        return Mood.BAD, done.last.outcome.value, f"last attempt, {done.last.started_at:%-d %b %H:%M}"
    if fresh.is_stale:
        return Mood.BAD, "stale", "no data yet" if fresh.covered_until is None else "further behind than its limit"
    if any(need.is_urgent for need in causes):
        return Mood.BAD, "waits", "for a person"
    if fresh.never:
        return Mood.UNKNOWN, fresh.never, ""
    if done.is_below_threshold:
        return Mood.LOOK, "poor", "too many bad records"
    if causes:
        return Mood.LOOK, "look", "see what it says"
    if fresh.state == "unknown":
        return Mood.UNKNOWN, "unknown", ""
    return Mood.GOOD, fresh.state or "no limit", ""
