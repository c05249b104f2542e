"""The logs behind the ledger of days: what the commits of a Gold table and of its source say of days.

Belongs here: reading them, from a version on.
Does not: what follows from it, or what readers were given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from medallion_assets.contracts.pipeline import AsOf, Gold
from medallion_assets.delta.notes.commit_notes import RESTATED, CommitLog, commits_since, noted_days
from medallion_assets.delta.notes.coverage_notes import COVERED, PROVISIONAL, read_note
from medallion_assets.delta.notes.source_versions import SOURCE_NOTE, built_from
from medallion_assets.delta.replacing.partitions import REMOVED, REPLACED
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.day_ledger import NEVER, DayLedger, GoldBuild, SilverChange, advance


def ledger_of(gold: Gold) -> DayLedger:
    """The ledger of a Gold table of which nothing has been read yet."""
    if isinstance(gold, AsOf):
        return DayLedger(as_of=True, keep_days=gold.keep_days)
    return DayLedger(as_of=False)


def read_ledger(gold: Gold, built: Snapshot, source: Snapshot) -> DayLedger:
    """What the whole logs of a Gold table and of its source, opened after it, say; no day counts as published."""
    held = source.days
    known = replace(ledger_of(gold), first_day=min(held, default=None), greatest_day=max(held, default=None))
    builds = gold_builds(gold, built, source, NEVER)
    return advance(known, silver_changes=silver_changes(source, built, NEVER), gold_builds=builds)


def silver_changes(silver: Snapshot, gold: Snapshot | None, version: int) -> Iterator[SilverChange]:
    """The commits after a version that restated days. One that says it in a way that cannot be read restated all."""
    held = silver.days
    if version == NEVER:  # days that no commit speaks of
        yield SilverChange(version=0, days=held)
    for commit in reversed(commits_since(silver, version)):
        days = noted_days(commit, RESTATED)
        every = {*held, *(gold.days if gold else ())}
        yield SilverChange(
            version=commit["version"],
            days=every if days is None else days,
            covered_until=read_note(commit, COVERED).until,
        )


def gold_builds(declared: Gold, gold: Snapshot, silver: Snapshot, version: int) -> Iterator[GoldBuild]:
    """The builds after a version. What was built from a former Silver table is as if built from no version of this.

    One that names its days, or its source, in a way that cannot be read built none: they are built again.
    """
    changes = CommitLog(silver)
    for commit in reversed(commits_since(gold, version)):
        if SOURCE_NOTE in commit:
            source_version = built_from(commit, changes)
            yield GoldBuild(
                version=commit["version"],
                source_version=NEVER if source_version is None else source_version,
                replaced=noted_days(commit, REPLACED) or [],
                removed=noted_days(commit, REMOVED) or [],
                provisional={day: declared.end_of(day) for day in noted_days(commit, PROVISIONAL) or []},
            )
