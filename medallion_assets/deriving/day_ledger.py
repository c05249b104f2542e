"""The ledger of days: which of a Gold table its source has changed since they were built, and which wait for readers.

Belongs here: what follows from the logs of the tables and of what was published, as pure functions.
Does not: reading these logs, or asking for runs.

What a Gold table is made from is called Silver here, whatever table that is; cursors call it so too.

A day is to be built when Silver restated it (for `as_of` tables: it or an earlier day) at a later version than the one
that Gold last built it from, and for an `as_of` table also when it is kept and was never built (rules G5, K4). A day
that is built is to be published until serving has published the version of Gold that built it, or a later one.
An `as_of` table publishes its greatest day alone: a lower one would publish nothing (rule P2). A day that was built
before its sources covered its end is to be built again once they do, changed or not (rule V6).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import Field

from medallion_assets.contracts.declared import AS_OF_KEEP_DAYS
from medallion_assets.contracts.documents import Moment
from medallion_assets.deriving.kept_days import kept_as_of_days, missing_as_of_days

NEVER = -1
"""Lower than any version of a table."""
Position = Annotated[int, Field(ge=NEVER, le=2**53)]
"""A version of a table, or an event's id: within what the databases and libraries below take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilverChange:
    """A commit of Silver that restated some days; `covered_until` is how far it then reached, where it says that."""

    version: int
    days: Collection[date]
    covered_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldBuild:
    """A commit of Gold that replaced days by figures of a version of Silver, or removed some that are not kept.

    `provisional` are those of the replaced days that Silver did not cover yet, each with its end.
    """

    version: int
    source_version: int
    replaced: Collection[date]
    removed: Collection[date] = ()
    provisional: Mapping[date, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPublished:
    """A publish of a day that had read a version of Gold."""

    day: date
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLedger:
    """What is known of one Gold table and its days, from all logs up to where they were read.

    `restated` maps days to the version of Silver that restated them last, and `built` to the one they were built from,
    both as long as a day waits to be built or published; for an `as_of` table they hold all that is built, and what
    every day from there on needs. `unpublished` maps days to the version of Gold that built them. `published` is the
    greatest as-of day that was published, and its version of Silver.
    `first_day` and `greatest_day` are Silver's, null while it is empty. `covered` is how far Silver reaches, with the
    version that said so last. `provisional` maps days that were built without being complete, and not restated since,
    to their ends and the versions of Silver that they were built from.
    """

    as_of: bool
    keep_days: int = AS_OF_KEEP_DAYS
    first_day: date | None = None
    greatest_day: date | None = None
    restated: Mapping[date, Position] = field(default_factory=dict)
    built: Mapping[date, Position] = field(default_factory=dict)
    unpublished: Mapping[date, Position] = field(default_factory=dict)
    published: tuple[date, Position] | None = None
    covered: tuple[Moment, Position] | None = None
    provisional: Mapping[date, tuple[Moment, Position]] = field(default_factory=dict)


def advance(
    ledger: DayLedger,
    *,
    silver_changes: Iterable[SilverChange] = (),
    gold_builds: Iterable[GoldBuild] = (),
    publishes: Iterable[DayPublished] = (),
) -> DayLedger:
    """The ledger after what the logs say next, each in its log's order.

    No building may be of a version of Silver, and no publishing of a version of Gold, that the ledger does not hold
    then: so read the event log first, then Gold's, then Silver's.
    """
    restated, changes = dict(ledger.restated), list(silver_changes)
    for change in changes:
        if change.days:
            days = [min(change.days)] if ledger.as_of else change.days
            restated.update(dict.fromkeys(days, change.version))
    said = ((change.covered_until, change.version) for change in reversed(changes) if change.covered_until is not None)
    covered = next(said, ledger.covered)
    built, unpublished = dict(ledger.built), dict(ledger.unpublished)
    sources, provisional = dict(built), dict(ledger.provisional)
    for build in gold_builds:
        for day in build.removed:
            for known in (built, unpublished, provisional):
                known.pop(day, None)
        for day in build.replaced:
            built[day] = sources[day] = build.source_version
            unpublished[day] = build.version
            provisional.pop(day, None)
        provisional |= {day: (end, build.source_version) for day, end in build.provisional.items()}
    for day, version in _completed(provisional, covered).items():
        restated[day] = max(restated.get(day, NEVER), version)
        provisional.pop(day)
    now_published = [publish for publish in publishes if unpublished.get(publish.day, NEVER) <= publish.version]
    for publishing in now_published:
        unpublished.pop(publishing.day, None)
    if not ledger.as_of:
        return replace(
            ledger,
            restated={
                day: version
                for day, version in restated.items()
                if day in unpublished or version > sources.get(day, NEVER)
            },
            built={day: sources[day] for day in unpublished if day in sources},
            unpublished=unpublished,
            covered=covered,
            provisional=provisional,
        )
    published = _greatest_published(ledger.published, now_published, sources)
    return replace(
        ledger,
        restated=_steps(restated, ledger.greatest_day, ledger.keep_days),
        built=built,
        unpublished={day: version for day, version in unpublished.items() if published is None or day >= published[0]},
        published=published,
        covered=covered,
        provisional=provisional,
    )


def _completed(
    provisional: Mapping[date, tuple[datetime, int]], covered: tuple[datetime, int] | None
) -> dict[date, int]:
    """The days that were built without being complete and are covered by now, each with the version that says so."""
    if covered is None:
        return {}
    until, version = covered
    return {day: version for day, (end, source) in provisional.items() if end <= until and source < version}


def _greatest_published(
    known: tuple[date, int] | None, publishes: Iterable[DayPublished], sources: Mapping[date, int]
) -> tuple[date, int] | None:
    for day in sorted(publish.day for publish in publishes):
        if known is None or day >= known[0]:
            before = known[1] if known is not None and known[0] == day else NEVER
            known = (day, sources.get(day, before))
    return known


def to_build(ledger: DayLedger) -> dict[date, int]:
    """The days that Gold has to build, each with the version of Silver that it has to be built from at least."""
    if not ledger.as_of:
        return {day: version for day, version in ledger.restated.items() if version > ledger.built.get(day, NEVER)}
    wanted: set[date] = set(kept_as_of_days(ledger.built, ledger.greatest_day, keep_days=ledger.keep_days))
    if ledger.first_day is not None:
        wanted.update(
            missing_as_of_days(ledger.built, ledger.first_day, ledger.greatest_day, keep_days=ledger.keep_days)
        )
    known = dict(ledger.built)
    if ledger.published is not None:
        day, source = ledger.published
        known[day] = max(source, known.get(day, NEVER))
        if ledger.greatest_day is None or day > ledger.greatest_day:
            wanted.add(day)  # not kept, but readers have its figures, and those of no lower day would reach them
    needed = {day: _needed(ledger.restated, day) for day in wanted}
    return {day: version for day, version in needed.items() if version > known.get(day, NEVER)}


def settled_days(ledger: DayLedger, held: Collection[date]) -> list[date]:
    """The days that Gold holds, or has built, and that no build has to make or remove any more, ascending."""
    days = {*held, *ledger.built} - to_build(ledger).keys()
    if ledger.as_of:
        days.intersection_update(kept_as_of_days(days, ledger.greatest_day, keep_days=ledger.keep_days))
    return sorted(days)


def to_publish(ledger: DayLedger) -> dict[date, int]:
    """The days that are built and wait to be published, each with the version of Gold that built it."""
    if not ledger.as_of:
        return dict(ledger.unpublished)
    greatest = max(ledger.built, default=None)
    return {day: version for day, version in ledger.unpublished.items() if day == greatest}


def restated_at(ledger: DayLedger, day: date) -> int | None:
    """The version of Silver that changed last what Gold holds of a day; None when it is not known any more."""
    version = _needed(ledger.restated, day) if ledger.as_of else ledger.restated.get(day, NEVER)
    return None if version == NEVER else version


def _needed(restated: Mapping[date, int], as_of: date) -> int:
    """The version of Silver that restated any day up to `as_of` last."""
    return max((version for day, version in restated.items() if day <= as_of), default=NEVER)


def _steps(restated: Mapping[date, int], greatest_day: date | None, keep_days: int) -> dict[date, int]:
    """What every day from each of these on needs, without what a later version of an earlier day says already.

    Of days so old that only month ends are kept, the steps of a month are one: that may ask for a day too many, never
    for one too few, and keeps the ledger small.
    """
    recent = greatest_day - timedelta(days=keep_days) if greatest_day is not None else date.max
    steps: dict[date, int] = {}
    last: date | None = None
    for day in sorted(restated):
        version = restated[day]
        if last is not None and version <= steps[last]:
            continue
        if last is not None and day < recent and (last.year, last.month) == (day.year, day.month):
            steps[last] = version
        else:
            steps[day], last = version, day
    return steps
