"""Building Gold: a partition is computed from its source and replaced as a whole (rules G1 to G5).

Belongs here: one commit for some days, and removing the days that are not kept.
Does not: computing rows, or choosing days.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from medallion_assets.contracts.coverage import Coverage
from medallion_assets.contracts.pipeline import Gold
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.notes.coverage_notes import covered_by_days, noted_coverage
from medallion_assets.delta.notes.source_versions import SourceVersion
from medallion_assets.delta.replacing.partitions import replace_days, write_days
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.computation import computation
from medallion_assets.deriving.kept_days import housekeeping


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build wrote: the table's version, rows read and written, and how far the source reached.

    `rows_in` are rows of the source, also of one day as of others; of several such days, of the base that they share.
    """

    version: int
    rows_in: int
    rows_out: int
    covered: Coverage


def build(
    lakehouse: Lakehouse, gold: Gold, days: Sequence[date], *, progress: Callable[[str], None] = lambda _: None
) -> Built:
    """Replace some days of a Gold table; of one as of days, remove those that are not kept (rule G5).

    A day that is asked for is built although it is not kept; the next build removes it.

    Raises:
        PermanentError: a transform fails, or its rows are not as the contract says (rule G6).
        CommitConflictError: other writers were faster, every time.
    """
    return until_committed(lambda: _build(lakehouse, gold, days, progress))


def _build(lakehouse: Lakehouse, gold: Gold, days: Sequence[date], progress: Callable[[str], None]) -> Built:
    table, source = lakehouse.ready(gold.table), lakehouse.source(gold.source)
    files = []
    with computation(gold, source) as computed:
        written = (
            made
            for group, rows in computed.groups(days)
            for made in zip(group, write_days(table.folder, rows, group), strict=True)
        )
        for number, (day, file) in enumerate(written, start=1):
            progress(f"{gold.table.name}: {day} ({number} of {len(days)})")
            if file is not None:
                files.append(file)
        rows_in = computed.rows_in(days)
    outdated = _outdated(gold, table, source) - set(days)
    covered = noted_coverage(source)
    notes = partial(covered_by_days, sources=covered, ends={day: gold.end_of(day) for day in days})
    version = replace_days(table, days, files, source=SourceVersion.of(source), outdated=outdated, notes=notes)
    return Built(version=version, rows_in=rows_in, rows_out=sum(file.rows for file in files), covered=covered)


def _outdated(gold: Gold, table: Snapshot, source: Snapshot) -> set[date]:
    if gold.keep_days is None:
        return set()
    greatest = max(source.days, default=None)
    return set(housekeeping(table.days, greatest, keep_days=gold.keep_days))
