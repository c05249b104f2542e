"""Restating: which months of a star follow from other rows than in its last release, where that are not all.

Belongs here: comparing versions of sources, and whether the other months may stay as they are.
Does not: building; models are plain selects, and are handed the files of these months alone.

A month of facts follows from that month's orders and lines, and from the members that they name (rules D3, D6). So it
is affected when a file of it came or went, or when it has facts of a member whose rows are others now. All are when the
project or a contract has changed: each commit notes by which rules its rows were made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from medallion_assets.contracts.pipeline import ByMonth, DbtModels
from medallion_assets.delta.duckdb.views import quoted
from medallion_assets.delta.notes.commit_notes import commit_note, last_commit
from medallion_assets.delta.row_tables.releases import Release, latest_release
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.dbt.project import project_digest

RULES_NOTE = "medallion_dbt_rules"
"""The commit note that names the project and the contracts that the rows were made by."""
MOST = 0.5
"""Of the months of a star: where more are affected, all of it is built again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """The months to build again, and the files of each source by months that these follow from, by table."""

    months: frozenset[date]
    paths: Mapping[str, list[str]]


def affected_months(
    lakehouse: Lakehouse, models: DbtModels, bases: Sequence[Snapshot], sources: Sequence[Snapshot]
) -> Affected | None:
    """What has to be built again since the last release; None when everything has.

    That is so where the declaration says nothing of months, before there is a release, where a table is not as the
    last one left it or a version that it was made from is not there any more, and where too much is affected.
    """
    by_month = models.by_month
    release = latest_release(lakehouse, models.name, models.models[0])
    if by_month is None or release is None or not _is_published(release, bases):
        return None
    facts = next(base for base in bases if base.table.name == by_month.facts.name)
    noted = last_commit(facts, RULES_NOTE)
    if noted is None or commit_note(noted, RULES_NOTE) != rules_of(models):
        return None
    months: set[date] = set()
    for source in sources:
        try:
            before = lakehouse.open(source.table, version=release.version_of(source.table))
            if before.table_id != source.table_id or release.table_id_of(source.table) != source.table_id:
                return None
            if before.version != source.version:
                months |= _changed(by_month, facts, before, source)
        except LAKEHOUSE_ERRORS:  # its files are gone: vacuumed, for example
            return None
    known = {month_of(day) for source in sources if source.table.partition_by for day in source.partitions if day}
    if len(months) > MOST * max(len(known), 1):
        return None
    by_table = {source.table.name: source for source in sources if source.table.name in by_month.source_names}
    return Affected(months=frozenset(months), paths={name: _paths(source, months) for name, source in by_table.items()})


def lost_members(
    connection: duckdb.DuckDBPyConnection, by_month: ByMonth, facts: Snapshot, months: Iterable[date]
) -> dict[str, int]:
    """How many keys that facts of other months name are not in the dimensions as built now, by the facts' column.

    There should be none: then these months may stay as they are.
    """
    untouched = facts.scan(partitions=[day for day in facts.partitions if day not in set(months)])
    lost = {}
    for column, dimension in by_month.keys.items():
        named = untouched.select(pl.col(column)).unique().collect()
        (key,) = dimension.key
        relation = f"{quoted(dimension.layer)}.{quoted(dimension.short_name)}"
        there = pl.DataFrame(connection.sql(f"select {quoted(key)} as {quoted(column)} from {relation}"))
        if missing := named.join(there, on=column, how="anti").height:
            lost[column] = missing
    return lost


def rules_of(models: DbtModels) -> str:
    """Names what decides the rows of a build, beside its sources: other files of the project, or other columns."""
    columns = [
        (table.name, table.partition_by, column.name, repr(column.type))
        for table in models.models
        for column in table.columns
    ]
    return hashlib.sha256(f"{project_digest(models.project)} {columns}".encode()).hexdigest()[:12]


def month_of(day: date) -> date:
    """The first day of a day's month, which names its partition."""
    return day.replace(day=1)


def _is_published(release: Release, bases: Sequence[Snapshot]) -> bool:
    """Whether every table is as a release left it: no burst ended half way since, and nobody restored one."""
    return all(
        release.version_of(base.table) == base.version and release.table_id_of(base.table) == base.table_id
        for base in bases
    )


def _changed(by_month: ByMonth, facts: Snapshot, before: Snapshot, after: Snapshot) -> set[date]:
    if after.table.name in by_month.source_names:
        return {month_of(day) for day in _changed_days(before, after)}
    member = by_month.members[after.table.name]
    changed = _changed_members(before, after, member)
    found = facts.scan().join(changed.lazy(), on=member, how="semi").select(str(facts.table.partition_by)).unique()
    return set(found.collect(engine="streaming").to_series())


def _changed_days(before: Snapshot, after: Snapshot) -> set[date]:
    """The days of which a file came or went; that of the tombstones says nothing that theirs do not say."""
    column = f"partition.{after.table.partition_by}"
    held = [snapshot.files.select("path", column) for snapshot in (before, after) if snapshot.files.height]
    if not held:
        return set()
    both = pl.concat(held).group_by("path", column).len().filter(pl.col("len") == 1)
    return {day for day in both[column] if day is not None}


def _changed_members(before: Snapshot, after: Snapshot, member: str) -> pl.DataFrame:
    """The members of whom a row is another one now, came or went."""
    columns = [name for name in after.table.column_names if not name.startswith("_")]
    old, new = (snapshot.scan().select(columns) for snapshot in (before, after))
    sides = [
        rows.join(others, on=columns, how="anti", nulls_equal=True).select(member)
        for rows, others in ((old, new), (new, old))
    ]
    return pl.concat(sides).unique().collect(engine="streaming")


def _paths(source: Snapshot, months: Iterable[date]) -> list[str]:
    wanted = set(months)
    days = [day for day in source.days if month_of(day) in wanted]
    return source.partition_files(days)["path"].to_list()
