"""Rebuilding Gold: every day that a table holds or should hold, computed again and put in place as one version.

Belongs here: which days these are.
Does not: computing rows, comparing and committing, or single days: a run of the asset for a day builds that day again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from medallion_assets.contracts.pipeline import Gold
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.notes.coverage_notes import covered_by_days, noted_coverage
from medallion_assets.delta.notes.source_versions import SourceVersion, source_notes
from medallion_assets.delta.replacing.partitions import REMOVED, REPLACED
from medallion_assets.delta.replacing.replacement import REBUILT_NOTE, Progress, Replacement
from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.computation import computation
from medallion_assets.deriving.kept_days import kept_as_of_days, missing_as_of_days
from medallion_assets.errors.reasons import expect_reason


def rebuild_gold(
    lakehouse: Lakehouse,
    gold: Gold,
    *,
    why: str,
    dry_run: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
) -> Rebuilt:
    """Build a Gold table again from its source as it is now, or say what that would change.

    Days that do not differ keep their files, and are not published again. Of a table as of days every day that is kept
    is built (rule G5), and the others are removed.

    Raises:
        PermanentError: `why` is blank, the table or its source has not been made yet, or as `build`.
        CommitConflictError: other writers were faster, every time.
    """
    expect_reason("the rebuild", why, where=gold.table.name)
    return until_committed(lambda: _rebuild(lakehouse, gold, why, progress, dry_run=dry_run))


def _rebuild(lakehouse: Lakehouse, gold: Gold, why: str, progress: Progress, *, dry_run: bool) -> Rebuilt:
    table = lakehouse.open_any(gold.table)  # before its source, as in deriving.build
    source = lakehouse.open(gold.source)
    replacement = Replacement(table=table, writes=not dry_run)
    held = set(table.days)
    days = sorted(_days(gold, held, set(source.days)))
    removed = sorted(held - set(days))
    with computation(gold, source) as computed:
        for number, (day, rows) in enumerate(computed.each(days), start=1):
            replacement.partition(day, rows)
            progress(f"building {gold.table.name} again", number, len(days))
    for day in removed:
        replacement.partition(day, pl.DataFrame(schema=replacement.table.scan().collect_schema()))
    changes, version = replacement.changes(), table.version
    if not dry_run:
        notes = {
            **source_notes(SourceVersion.of(source)),
            REPLACED: sorted(changes.restated.difference(removed)),
            REMOVED: removed,
            REBUILT_NOTE: {"why": why},
            **covered_by_days(table, noted_coverage(source), {day: gold.end_of(day) for day in days}),
        }
        version = replacement.commit({}, notes)
    return Rebuilt(table=gold.table.name, version=version, dry_run=dry_run, changes=changes)


def _days(gold: Gold, held: set[date], of_source: set[date]) -> Iterable[date]:
    if gold.keep_days is None:
        return held | of_source
    if not of_source:
        return ()
    first, greatest = min(of_source), max(of_source)
    kept = kept_as_of_days(held, greatest, keep_days=gold.keep_days)
    return {*kept, *missing_as_of_days(held, first, greatest, keep_days=gold.keep_days)}
