"""What a table has been through: rolled back, replaced by an older copy, or made again under those who read it.

Belongs here: a table's commits against each other, against the transactions of tables made from it, and against runs.
Does not: rows and files, or what Silver has settled, and of which Bronze.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import Table
from medallion_assets.delta.committing import COMMIT_ID
from medallion_assets.delta.log.replay import Replayed
from medallion_assets.delta.notes.source_versions import (
    SOURCE_NOTE,
    SourceVersion,
    marked_version,
    noted_version,
    source_app_id,
)
from medallion_assets.delta.replacing.partitions import REMOVED, REPLACED
from medallion_assets.delta.storage_errors import READING_ERRORS
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import MissingTableError, UnreadableTableError
from medallion_assets.operations.tables.every import every_table
from medallion_assets.operations.tables.pipeline_runs import StageAttempt, last_successes
from medallion_assets.operations.verify.findings import MADE_ANEW, Finding, rebuild
from medallion_assets.operations.verify.silver import effective
from medallion_assets.refining.bronze import bronze_table

Commit = Mapping[str, Any]


def compare_histories(
    catalog: Catalog,
    tables: Mapping[str, Snapshot],
    replays: Mapping[str, Replayed],
    runs: Mapping[str, StageAttempt],
) -> Iterator[Finding]:
    """Look at tables whose logs and files are well, by name.

    `replays` holds what their logs say, `runs` the attempt of each stage that succeeded last, both by name as well.
    """
    with_ledger = {
        name for table in catalog.loaded_tables for name in (table.name, bronze_table(table.short_name).name)
    }
    derived = ((derived.table, table) for derived in catalog.derived for table in derived.sources)
    models = ((table, source) for built in catalog.dbt for table in built.models for source in built.sources)
    for made, source in _pairs(tables, (*derived, *models)):
        yield from _found(behind_its_readers(source, made, marked_version(made, source)))
        yield from _found(remade_source(source, made, replays[made.table.name].transactions))
    for gold, source in _pairs(tables, ((gold.table, gold.source) for gold in catalog.gold)):
        yield from _found(behind_its_readers(source, gold, _gold_mark(replays[gold.table.name], source)))
    for name, snapshot in tables.items():
        yield from _found(behind_its_run(snapshot, runs.get(name)))
        if name not in with_ledger:
            yield from _found(rolled_back(snapshot, replays[name]))


def rolled_back(snapshot: Snapshot, replay: Replayed) -> Finding | None:
    """Commits that a restore took out and nothing has done again; of Bronze and judged tables the ledger says so.

    A restore that goes forward again puts them back. A Gold day that was built anew since counts as done again.
    """
    kept = effective(replay.commits)
    lost = [commit for commit in replay.commits if COMMIT_ID in commit and commit not in kept]
    if not lost:
        return None
    found = f"{len(lost)} commits were undone, from version {lost[0]['version']} on"
    if REPLACED in lost[0]:
        restored = max(c["version"] for c in replay.commits if c.get("operation") == "RESTORE")
        again = {day for commit in kept if commit["version"] > restored for day in _days(commit)}
        days = sorted({day for commit in lost for day in _days(commit)} - again)
        if not days:
            return None
        found = f"{len(days)} days have their earlier rows again, such as {days[-1]}"
    latest = lost[-1]["version"]
    return Finding(
        table=snapshot.table.name,
        check="table_was_not_rolled_back",
        expected="the rows of every commit",
        found=f"the table was restored to an older version: {found}",
        do=f"restore version {latest} to go forward again; else {rebuild(snapshot.table)}",
    )


def behind_its_readers(source: Snapshot, reader: Snapshot, taken: int | None) -> Finding | None:
    """A table that ends before the version which another was made from: it was replaced, or lost commits."""
    expected = f"of which {reader.table.name} was made"
    return _ends_early(source, taken, "version_reaches_its_readers", expected, made_anew=reader.table)


def behind_its_run(snapshot: Snapshot, success: StageAttempt | None) -> Finding | None:
    """A table that ends before the version which its last run made, as `operations.pipeline_runs` says."""
    if success is None:
        return None
    expected = f"which run {success.run_id} made"
    return _ends_early(
        snapshot, success.table_version, "version_reaches_its_last_run", expected, made_anew=snapshot.table
    )


def _ends_early(
    snapshot: Snapshot, version: int | None, check: str, expected: str, *, made_anew: Table
) -> Finding | None:
    """The finding about a table that should reach a version; none where it does, or no version is known."""
    if version is None or version <= snapshot.version:
        return None
    return Finding(
        table=snapshot.table.name,
        check=check,
        expected=f"version {version} at least, {expected}",
        found=f"version {snapshot.version}: it was replaced by an older copy or recreated, or its log lost commits",
        do=f"restore it from a backup that is recent enough; else {rebuild(made_anew)}",
    )


def without_log(lakehouse: Lakehouse, table: Table) -> Iterator[Finding]:
    """A table that is not there, in whose place something lies: its log was lost, or it is not the place of tables."""
    try:
        lakehouse.open(table)
    except MissingTableError:
        return
    except UnreadableTableError as error:
        yield Finding(
            table=table.name,
            check="table_has_its_log",
            expected=str(error.expected),
            found=str(error.found),
            do=f"restore its _delta_log from a backup; {MADE_ANEW}",
        )


def lost_since_its_run(table: Table, success: StageAttempt | None) -> Iterator[Finding]:
    """A table that is not there, though a run made a version of it, as `operations.pipeline_runs` says."""
    if success is not None and success.table_version is not None:
        yield Finding(
            table=table.name,
            check="table_is_there",
            expected=f"version {success.table_version} at least, which run {success.run_id} made",
            found="no table",
            do="restore it from a backup; without one, if its sources are intact, run its asset, which makes it anew",
        )


def remade_source(source: Snapshot, reader: Snapshot, transactions: Mapping[str, int]) -> Finding | None:
    """A source that was removed and made again since the reader took it: that one's transactions name another id."""
    name = f"{source.table.name}@"
    taken = [app_id for app_id in transactions if app_id.startswith(name)]
    if not taken or source_app_id(source) in taken:
        return None
    return Finding(
        table=reader.table.name,
        check="source_is_the_same_table",
        expected=f"to be made from {source.table.name} with the table id {source.table_id}",
        found=f"{taken[-1].removeprefix(name)}: {source.table.name} was removed and recreated",
        do=f"run its asset, which takes all of {source.table.name} once more; else {rebuild(reader.table)}",
    )


def _gold_mark(gold: Replayed, made_from: Snapshot) -> int | None:
    """The version of its source that the last commit of whole partitions was computed from, if it is this source."""
    source = SourceVersion.of(made_from)
    return next((noted_version(commit, source) for commit in reversed(gold.commits) if SOURCE_NOTE in commit), None)


def _pairs(tables: Mapping[str, Snapshot], pairs: Iterable[tuple[Table, Table]]) -> Iterator[tuple[Snapshot, Snapshot]]:
    """Each table and one it is made from, where both are well."""
    for made, source in pairs:
        if made.name in tables and source.name in tables:
            yield tables[made.name], tables[source.name]


def _found(finding: Finding | None) -> Iterator[Finding]:
    if finding is not None:
        yield finding


def _days(commit: Commit) -> Iterator[str]:
    for note in (REPLACED, REMOVED):
        yield from json.loads(commit.get(note) or "[]")


def last_runs(lakehouse: Lakehouse) -> dict[str, StageAttempt]:
    """What `operations.pipeline_runs` says of each table; nothing where its rows cannot be read."""
    try:
        return last_successes(lakehouse, [table.name for table in every_table(lakehouse.catalog)], days=None)
    except READING_ERRORS:  # `--digests` names the file
        return {}
