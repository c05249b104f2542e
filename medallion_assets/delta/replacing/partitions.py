"""Replacing whole partitions, as tables made day by day are made again.

Belongs here: writing days, and putting them in the place of what the table holds.
Does not: which days, or what is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

import polars as pl

from medallion_assets.contracts.table import Table
from medallion_assets.delta.commits import commit_while
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.notes.source_versions import SourceVersion, noted_version, source_notes
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.blocks import in_turns

REPLACED = "medallion_replaced_dates"
"""The commit note that lists the days a commit replaced, those that became empty too."""
REMOVED = "medallion_removed_dates"
"""The commit note that lists the days a commit removed because they are not kept (rule G5)."""


def conform(rows: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """The columns of the contract, in its order and types: evens out what engines type differently."""
    return rows.select(pl.col(name).cast(kind) for name, kind in polars_schema(table).items())


def write_day(folder: TableFolder, rows: pl.DataFrame, day: date) -> WrittenFile | None:
    """Write one day's rows, in the order of the key; None when the day is empty."""
    if not rows.height:
        return None
    return folder.write(rows.sort(list(folder.table.key)).lazy(), partition=day)


def write_days(folder: TableFolder, rows: pl.DataFrame, days: Sequence[date]) -> Iterator[WrittenFile | None]:
    """Write rows of these days, a few days at a time, each as `write_day` does; the files come in the order of days."""
    if len(days) == 1:
        yield write_day(folder, rows, days[0])
        return
    day_column = pl.col(str(folder.table.partition_by))
    yield from in_turns(lambda day: write_day(folder, rows.filter(day_column == day), day), days)


def replace_days(
    base: Snapshot,
    days: Iterable[date],
    written: Iterable[WrittenFile],
    *,
    source: SourceVersion,
    outdated: Iterable[date] = (),
    notes: Callable[[Snapshot], Mapping[str, object]] = lambda _: {},
) -> int:
    """Put written files in the place of everything that some days hold, in one commit; give its version.

    `base` was opened before `source` was, of which the files were made: so a commit of older figures
    over newer ones is noticed. Commits of other days are no hindrance. Days that are `outdated` are removed. The commit
    says which days it replaced and which it removed: the log is the ledger of what was built from which source. It says
    as well what `notes` makes of the version before it.

    Raises:
        CommitConflictError: another writer committed figures of a newer source meanwhile; compute again.
    """
    days, written, outdated = sorted(days), list(written), sorted(outdated)
    said = {**source_notes(source), REPLACED: days, REMOVED: outdated}

    def commit(snapshot: Snapshot) -> int:
        removed = snapshot.partition_files([*days, *outdated])["path"].to_list()
        return snapshot.commit(written, remove=removed, metadata={**said, **notes(snapshot)})

    def none_is_newer(snapshot: Snapshot) -> bool:
        newer = commits_since(snapshot, base.version)
        return all((noted_version(commit, source) or 0) <= source.version for commit in newer)

    return commit_while(base, commit, none_is_newer)


def partition(snapshot: Snapshot, day: date) -> pl.DataFrame:
    """What a table holds for a day, in the order of its key."""
    return snapshot.scan(partitions=[day]).collect().sort(list(snapshot.table.key))


def parts_of(day: date | None, *snapshots: Snapshot) -> list[pl.Expr]:
    """Conditions that cut the rows of a partition of some versions of a table into parts that fit in memory.

    A table with a key has partitions that fit; of one without, which may hold a month, a part is some of its lines.
    """
    table, everything = snapshots[0].table, [pl.lit(value=True)]
    if table.key:
        return everything
    line, most = pl.col(table.row_id[-1]), snapshots[0].lakehouse.engine.bounds.group_rows
    files = [held for snapshot in snapshots if (held := snapshot.partition_files([day])).height]
    bounds = [held[f"max.{table.row_id[-1]}"] for held in files if f"max.{table.row_id[-1]}" in held.columns]
    if not files or len(bounds) < len(files) or any(known.null_count() for known in bounds):
        return everything
    last = max(int(known.to_physical().max() or 0) for known in bounds)  # type: ignore[arg-type]
    return [line.is_between(first, first + most - 1) for first in range(0, last + 1, most)]
