"""Members as pictures: segments, moves between them, and cohorts.

Belongs here: words and looks.
Does not: the figures.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.operations.business.drawn_periods import not_made
from medallion_assets.operations.business.members import ACTIVE, Membership
from medallion_assets.operations.drawing.bars import stacked_bar
from medallion_assets.operations.drawing.markup import Content
from medallion_assets.operations.drawing.picture import Figures, Picture


def member_pictures(found: Membership) -> Iterator[Picture]:
    """As of the newest day."""
    if found.day is None:
        yield not_made(found.picture.title, found.picture.table.name)
        return
    yield _segments(found)
    if found.before is not None:
        yield _moves(found)
    yield _cohorts(found)


def _segments(found: Membership) -> Picture:
    whole = sum(segment.members for segment in found.segments)
    unit = found.picture.unit
    rows: list[tuple[Content, ...]] = [
        (
            _words(segment.segment),
            stacked_bar([("one", segment.members, f"{segment.members / whole:.1%} of all")], whole),
            f"{segment.members:,}",
            "" if segment.before is None else f"{segment.members - segment.before:+,}",
            f"{segment.value:,.0f}",
        )
        for segment in found.segments
    ]
    since = "" if found.before is None else f"; the change is since {found.before}"
    return Picture(
        title=found.picture.title,
        note=f"{whole:,} as of {found.day}{since}",
        figures=Figures(
            columns=("segment", "", "members", "change", f"value, {unit}"),
            rows=rows,
            numbers=frozenset({"members", "change", f"value, {unit}"}),
        ),
    )


def _moves(found: Membership) -> Picture:
    most = max((members for *_, members in found.moves), default=0)
    rows: list[tuple[Content, ...]] = [
        (
            f"{_words(origin)} → {_words(target)}",
            stacked_bar([("one", members, f"{members:,}")], most),
            f"{members:,}",
        )
        for origin, target, members in found.moves
    ]
    return Picture(
        title="Moves between segments",
        note=f"{found.before} to {found.day}" + ("; no moves" if not rows else ""),
        figures=Figures(columns=("from → to", "", "members"), rows=rows, numbers=frozenset({"members"})),
    )


def _cohorts(found: Membership) -> Picture:
    unit = found.picture.unit
    rows: list[tuple[Content, ...]] = [
        (
            f"{cohort.month:%b\u00a0%Y}",
            stacked_bar([("one", cohort.active, f"{cohort.active:,} of {cohort.members:,}")], cohort.members),
            f"{cohort.active / cohort.members:.0%}",
            f"{cohort.members:,}",
            f"{cohort.average_value:,.2f}",
        )
        for cohort in found.cohorts
    ]
    return Picture(
        title="Cohorts by first month",
        note=f"active: in the {ACTIVE.days} days until {found.day}",
        figures=Figures(
            columns=("first month", "", "active", "members", f"value per member, {unit}"),
            rows=rows,
            numbers=frozenset({"active", "members", f"value per member, {unit}"}),
        ),
    )


def _words(segment: str) -> str:
    return segment.replace("_", " ")
