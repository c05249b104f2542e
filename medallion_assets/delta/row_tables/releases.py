"""Releases: which versions of several tables belong together, since one build made them all (rule D8).

Belongs here: the `operations.releases` table, and opening tables as a release has them.
Does not: building or publishing.

A build commits its tables one after another, and writes its row last. So a row names versions that are all there.
Whoever reads tables at their latest version may meet a build between two commits; whoever reads a release never does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import polars as pl

from medallion_assets.contracts.documents import from_json, to_json
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.as_of import version_as_of
from medallion_assets.delta.row_tables.rows import append_rows, read_rows, row_table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import MissingTableError, PermanentError

RELEASE_NOTE = "medallion_release"
"""The commit note with the id of the release that a commit belongs to; one that was never completed has no row."""
VERSIONS = 'JSON: {"layer.table": {"version": 3, "table_id": "..."}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class TableVersion:
    """A version of a table, and the Delta id of the table that it is one of."""

    version: int
    table_id: str


VersionsByTable = dict[str, TableVersion]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A row of RELEASES."""

    release_id: Annotated[str, "its id, which each of its commits notes"]
    build: Annotated[str, "the name of the models' declaration"]
    run_id: Annotated[str | None, "the Dagster run that built it"]
    started_at: Annotated[datetime, "when the build began"]
    sources: Annotated[str, f"the versions that it was built from, as {VERSIONS}"]
    tables: Annotated[str, f"the versions that it published, as {VERSIONS}"]
    covered_until: Annotated[datetime | None, "how far its sources reach; null: nothing, or unknown"] = None
    is_complete: Annotated[bool | None, "whether they cover every day that was over when it began; null: unknown"] = (
        None
    )

    def version_of(self, table: Table) -> int:
        """The version that it published of a table, or was built from.

        Raises:
            PermanentError: it is about other tables.
        """
        return self._entry(table).version

    def table_id_of(self, table: Table) -> str:
        """The Delta id of the table that this is a version of; raises as `version_of` does."""
        return self._entry(table).table_id

    def is_of(self, table: Table, table_id: str) -> bool:
        """Whether it published a table, and that is the one with this Delta id: none that was made anew since."""
        entry = self.published.get(table.name)
        return entry is not None and entry.table_id == table_id

    @property
    def published(self) -> VersionsByTable:
        """The versions that it published."""
        return from_json(VersionsByTable, self.tables)

    @property
    def named(self) -> VersionsByTable:
        """Those, and the versions that they were built from."""
        return from_json(VersionsByTable, self.sources) | self.published

    def _entry(self, table: Table) -> TableVersion:
        known = self.named
        if table.name not in known:
            raise PermanentError(
                f"release {self.release_id} has no {table.name}",
                expected=f"one of {', '.join(known)}",
                do="read the table by itself, or build a release that has it",
            )
        return known[table.name]


RELEASES = row_table(
    Release,
    name="operations.releases",
    description="Each complete build of models: versions of tables that belong together, and those they are made of.",
    key=("release_id",),
)


def versions_of(snapshots: Iterable[Snapshot], instead: Mapping[str, int] | None = None) -> str:
    """The versions of some tables as a release keeps them; those of `instead` in the place of the snapshots' own."""
    given = instead or {}
    versions = {
        snapshot.table.name: TableVersion(
            version=given.get(snapshot.table.name, snapshot.version), table_id=snapshot.table_id
        )
        for snapshot in snapshots
    }
    return to_json(versions, kind=VersionsByTable)


def record_release(lakehouse: Lakehouse, release: Release) -> None:
    """Complete a release.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    append_rows(lakehouse, RELEASES, [release])


def latest_release(lakehouse: Lakehouse, build: str, table: Table, *, as_of: datetime | None = None) -> Release | None:
    """The latest complete release of a build that published `table`; None before there is one.

    Each release commits each of its tables, so the one with the highest version of `table` is the latest, whenever its
    row was written. Releases of a table that was dropped and made anew since are none any more, and those from before
    the table was one of the build's models are none of it. `as_of` is a moment: releases count whose tables were all
    committed by then.
    """
    try:
        table_id = lakehouse.open(table).table_id
    except MissingTableError:
        return None
    rows = read_rows(lakehouse, RELEASES, pl.col("build") == build)
    found = [release for release in rows if release.is_of(table, table_id)]
    moment = None if as_of is None else _Moment(lakehouse, as_of)
    for release in sorted(found, key=lambda release: release.version_of(table), reverse=True):
        if moment is None or moment.has(release):
            return release
    return None


def tables_of_newest(lakehouse: Lakehouse, build: str) -> frozenset[str]:
    """The tables that the release of a build names whose build began last, whether they are there or not."""
    rows = read_rows(lakehouse, RELEASES, pl.col("build") == build)
    newest = max(rows, key=lambda release: release.started_at, default=None)
    return frozenset() if newest is None else frozenset(newest.named)


def open_release(lakehouse: Lakehouse, release: Release, table: Table) -> Snapshot:
    """A table as a release has it.

    Raises:
        PermanentError: the release has no such table, or the table was dropped and made anew since.
        MissingTableError, UnreadableTableError, TransientError: see `Lakehouse.open`.
    """
    snapshot = lakehouse.open(table, version=release.version_of(table))
    if snapshot.table_id != (wanted := release.table_id_of(table)):
        raise PermanentError(
            f"{table.name} is not the table that release {release.release_id} is about",
            expected=f"the table with the id {wanted}",
            found=f"{snapshot.table_id}: it was dropped and recreated",
            do="run the build again, and read its release",
        )
    return snapshot


@dataclass(frozen=True)
class _Moment:
    """What was committed by a moment, as the logs of the tables say.

    The rows of RELEASES are those of now, as all of them stay: an older version of that table may not be readable any
    more, once it was compacted and its former files were removed.
    """

    lakehouse: Lakehouse
    as_of: datetime
    versions: dict[str, tuple[str, int] | None] = field(default_factory=dict)

    def has(self, release: Release) -> bool:
        """Whether each table of a release had its version; one that was dropped or made anew since says nothing."""
        return all(self._has(name, entry) for name, entry in release.published.items())

    def _has(self, name: str, wanted: TableVersion) -> bool:
        if name not in self.versions:
            self.versions[name] = self._version(name)
        held = self.versions[name]
        return held is None or held[0] != wanted.table_id or held[1] >= wanted.version

    def _version(self, name: str) -> tuple[str, int] | None:
        """The id of a table and its version by then, -1 before there was one; None where it is not there now."""
        snapshot = self.lakehouse.find(Table(name=name, description="", columns=()))
        if snapshot is None:
            return None
        version = version_as_of(snapshot, self.as_of)
        return snapshot.table_id, -1 if version is None else version
