"""Pinning: tables of one build are read as its latest complete release has them (rule D8), all of the same one.

Belongs here: which release a query reads, now or as of a moment.
Does not: what a release is, or versions that a query names by number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from medallion_assets.delta.row_tables.releases import Release, latest_release, open_release
from medallion_assets.delta.table import Snapshot


@dataclass
class Pins:
    """The release of each build that a query reads, now and at each moment that it names; each is looked for once.

    `releases` is by the name in the query.
    """

    releases: dict[str, str] = field(default_factory=dict)
    _found: dict[tuple[str, datetime | None], Release | None] = field(default_factory=dict)

    def pinned(self, opened: Snapshot, moment: datetime | None, *, name: str) -> Snapshot:
        """A table as its release has it, now or at a moment; `name` is what the query calls it.

        It stays as it was opened where no build makes it, or none of it was complete by then.
        """
        lakehouse, table = opened.lakehouse, opened.table
        if (built := lakehouse.catalog.built_by(table)) is None:
            return opened
        key = (built.name, moment)
        if key not in self._found:
            self._found[key] = latest_release(lakehouse, built.name, table, as_of=moment)
        release = self._found[key]
        if release is None or not release.is_of(table, opened.table_id):
            return opened
        self.releases[name] = release.release_id
        is_same = release.version_of(table) == opened.version
        return opened if is_same else open_release(lakehouse, release, table)
