"""Pinning: tables of one build are read as its latest complete release has them (rule D8), all of the same one.

Belongs here: which release a query reads.
Does not: what a release is (delta.releases), or versions that a query names itself (operations.sql.tables).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from medallion_assets.delta.releases import Release, latest_release, open_release
from medallion_assets.delta.table import Snapshot


@dataclass
class Pins:
    """The release of each build that a query reads; it is looked for once. `releases` is by the table's name."""

    releases: dict[str, str] = field(default_factory=dict)
    _found: dict[str, Release | None] = field(default_factory=dict)

    def pinned(self, latest: Snapshot) -> Snapshot:
        """A table as its release has it; as it is, where no build makes it or none of it is complete yet."""
        lakehouse, table = latest.lakehouse, latest.table
        if (built := lakehouse.catalog.built_by(table)) is None:
            return latest
        if built.name not in self._found:
            self._found[built.name] = latest_release(lakehouse, built.name, table)
        release = self._found[built.name]
        if release is None or not release.is_of(table, latest.table_id):
            return latest
        self.releases[table.name] = release.release_id
        is_same = release.version_of(table) == latest.version
        return latest if is_same else open_release(lakehouse, release, table)
