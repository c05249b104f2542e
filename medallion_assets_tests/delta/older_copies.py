"""Older copies of tables, which take their place again: ids stay, and version numbers come again with other commits.

Belongs here: keeping a copy, and putting it back.
Does not: what must be noticed then.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse


class OlderCopy:
    """A table of a lakehouse in a folder as it is now, kept beside the lakehouse."""

    def __init__(self, lakehouse: Lakehouse, table: Table) -> None:
        self._folder = Path(lakehouse.uri(table))
        self._kept = Path(f"{lakehouse.url}-older", table.path)
        shutil.copytree(self._folder, self._kept)

    def put_back(self) -> None:
        """Take the place of what the table has become."""
        shutil.rmtree(self._folder)
        shutil.copytree(self._kept, self._folder)
