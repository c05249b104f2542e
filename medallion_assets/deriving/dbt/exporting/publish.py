"""Publishing: all models of a build are committed in one burst, and then their release is complete (rule D8).

Belongs here: the order of these steps, and what a build notices of another one.
Does not: building, or writing rows.

Every file is written before the first commit, so the burst is a few small writes. Each table gets a commit, one without
a change too: it says of which release the table is, and keeps out any other build that opened the table before. Who
loses that race publishes nothing more and begins again, from what Silver holds then. A burst that ends half way has no
release: readers of releases never see it, and the next build replaces all of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from types import MappingProxyType

from medallion_assets.contracts.coverage import Coverage, least
from medallion_assets.delta.notes.coverage_notes import covered_as_a_whole, noted_coverage
from medallion_assets.delta.notes.source_versions import SourceVersion, source_app_id, source_commits
from medallion_assets.delta.replacing.partitions import REPLACED
from medallion_assets.delta.row_tables.releases import RELEASE_NOTE, Release, record_release, versions_of
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.dbt.closed_days import closed_days, is_complete
from medallion_assets.deriving.dbt.exporting.export import WrittenModel
from medallion_assets.errors import CommitConflictError

NO_DAYS: Mapping[date, datetime] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What is about to be published: a release's id, its sources, and its models as they are written, in order."""

    release_id: str
    sources: Sequence[Snapshot]
    models: Sequence[WrittenModel]
    notes: dict[str, object] = field(default_factory=dict)

    @cached_property
    def covered(self) -> Coverage:
        """How far its sources reach (rule V2)."""
        return least(map(noted_coverage, self.sources))

    def expect_unchanged(self) -> None:
        """Refuse to begin the burst when somebody committed one of the tables since they were opened.

        Raises:
            CommitConflictError: with the table; build again.
        """
        for written in self.models:
            latest = written.base.lakehouse.open_any(written.table)
            if (latest.version, latest.table_id) != (written.base.version, written.base.table_id):
                raise CommitConflictError(
                    "another build was published meanwhile",
                    where=written.table.name,
                    expected=f"version {written.base.version}",
                    found=f"version {latest.version}",
                    do="nothing: it is built again",
                )

    def burst(self, closed: Mapping[date, datetime] = NO_DAYS) -> Iterator[tuple[WrittenModel, int]]:
        """Commit the models one after another; each with the version that its commit made.

        `closed` are the days that it closes, with their ends.

        Raises:
            CommitConflictError: another build was faster; build again.
        """
        transactions = {source_app_id(source): source.version for source in self.sources}
        said = {
            **source_commits(*map(SourceVersion.of, self.sources)),
            **covered_as_a_whole(self.covered, closed),
            RELEASE_NOTE: self.release_id,
            **self.notes,
        }
        for written in self.models:
            notes = {**said, REPLACED: written.replaced} if written.table.partition_by else said
            yield (
                written,
                written.base.commit(
                    written.add,
                    remove=written.remove,
                    transactions=transactions,
                    metadata=notes,
                    new_schema=written.new_schema,
                ),
            )


def new_release_id() -> str:
    """An id that no release has."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRelease:
    """A complete release, and the version that it made of each table, by name."""

    release: Release
    versions: Mapping[str, int]


def publish(publication: Publication, *, build: str, run_id: str | None, now: datetime) -> PublishedRelease:
    """Commit every model, and complete the release of the `build` that began at `now`.

    Raises:
        CommitConflictError: another build was faster; build again.
    """
    publication.expect_unchanged()
    covered = publication.covered
    committed = publication.burst(closed_days(covered, now))
    versions = {written.table.name: version for written, version in committed}
    release = Release(
        release_id=publication.release_id,
        build=build,
        run_id=run_id,
        started_at=now,
        sources=versions_of(publication.sources),
        tables=versions_of([written.base for written in publication.models], versions),
        covered_until=covered.until,
        is_complete=is_complete(covered, now),
    )
    record_release(publication.models[0].base.lakehouse, release)
    return PublishedRelease(release=release, versions=versions)
