"""Answers: is everything complete, fresh and good? The three answers at the top of the page.

Belongs here: each answer in a few words, and whether it is a good one.
Does not: the tables behind it, or what to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from medallion_assets.contracts.moments import last_business_day
from medallion_assets.errors.counted import number_of
from medallion_assets.operations.dashboard.facts import DashboardFacts
from medallion_assets.operations.dashboard.held import held_batches
from medallion_assets.operations.dashboard.tables import Mood
from medallion_assets.operations.stages import Stage, ends_of, stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: `question` in a word, `answer` with its figure, and what else there is to it."""

    question: str
    answer: str
    more: str
    mood: Mood


def answers_of(facts: DashboardFacts) -> list[Answer]:
    """Complete, fresh, good: in this order."""
    return [_complete(facts), _fresh(facts), _good(facts)]


def _complete(facts: DashboardFacts) -> Answer:
    """The day up to which everything is complete that readers see; late where one of their tables is.

    Those without a limit count where they are late, or where none has one.
    """
    known_stages = {stage.table.name: stage for stage in stages(facts.catalog)}
    stale = {table.table for table in facts.status.freshness if table.is_stale}
    ends = [stage for pipeline in facts.catalog.pipelines for stage in ends_of(pipeline)]
    late = [stage for stage in ends if _is_late(stage, known_stages, stale)]
    promised = [stage for stage in ends if stage.freshness_hours is not None or stage in late]
    seen = [facts.reaches.get(stage.table.name) for stage in promised or ends]
    known = [moment for moment in seen if moment is not None]
    unknown = f"unknown for {len(seen) - len(known)} of {len(seen)} tables" if len(known) < len(seen) else ""
    if not known:
        return Answer(
            question="Complete", answer="unknown", more="no table declares how far its data reach", mood=Mood.UNKNOWN
        )
    day = last_business_day(min(known))
    is_sample = facts.status.identity is not None and facts.status.identity.is_sample
    days = max((last_business_day(facts.now) - day).days, 0) if promised else 0
    behind = "sample data" if is_sample else f"{number_of(days, 'day')} behind" if days else ""
    unpromised = "" if promised else "no table that readers see has a limit"
    return Answer(
        question="Complete",
        answer=f"until {day:%a %-d %b %Y}",
        more="; ".join(filter(None, (behind, unpromised, unknown))),
        mood=Mood.BAD if late else Mood.GOOD,
    )


def _is_late(stage: Stage, known: Mapping[str, Stage], stale: Collection[str]) -> bool:
    """Whether a table is stale, or, where it has no limit, such as a month, the nearest before it that have one."""
    if stage.freshness_hours is not None:
        return stage.table.name in stale
    before = [known[source.name] for source in stage.sources if source.name in known]
    return any(_is_late(source, known, stale) for source in before)


def _fresh(facts: DashboardFacts) -> Answer:
    states = Counter(table.state for table in facts.status.freshness)
    fresh, stale, unknown = (states[state] for state in ("fresh", "stale", "unknown"))
    unsaid = f"unknown for {number_of(unknown, 'table')}" if unknown else ""
    is_sample = any(table.measured_at is not None for table in facts.status.freshness)
    if not fresh + stale:
        return Answer(question="Fresh", answer="unknown", more=unsaid or "no table has a limit", mood=Mood.UNKNOWN)
    return Answer(
        question="Fresh",
        answer=f"{fresh} of {fresh + stale} tables",
        more="; ".join(
            filter(
                None,
                (
                    f"{stale} stale" if stale else "every table is within its limit",
                    unsaid,
                    "against the end of the sample data" if is_sample else "",
                ),
            )
        ),
        mood=Mood.BAD if stale else Mood.GOOD,
    )


def _good(facts: DashboardFacts) -> Answer:
    held = sum(
        batch_id in facts.pending.get(table, ())
        for table, batch_id in held_batches(facts.results).select("table_name", "export_id").iter_rows()
    )
    judged = [stage for stage in facts.status.stages if stage.quality is not None]
    lowest = min(judged, key=lambda stage: stage.quality or 0.0, default=None)
    more = "" if lowest is None else f"lowest in 7 days: {lowest.quality:.2%}, {lowest.stage}"
    if held:
        batches = number_of(held, facts.catalog.batch_word())
        return Answer(question="Good", answer=f"{batches} held at the gate", more=more, mood=Mood.BAD)
    if lowest is None:
        return Answer(question="Good", answer="unknown", more="nothing judged in 7 days", mood=Mood.UNKNOWN)
    poor = sum(stage.is_below_threshold for stage in judged)
    answer = f"{poor} of {len(judged)} tables under their threshold" if poor else "every table"
    return Answer(question="Good", answer=answer, more=more, mood=Mood.LOOK if poor else Mood.GOOD)
