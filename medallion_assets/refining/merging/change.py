"""A change of a Silver table: what has been written for its next commit.

Belongs here: what every way to change one tells.
Does not: making changes, or committing them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from medallion_assets.delta.files.data_files import WrittenFile


@dataclass(slots=True, kw_only=True)
class Change:
    """Files to commit, and what they change. `restated` holds the days of rule H3, `rows` counts keys that changed."""

    written: list[WrittenFile] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    restated: set[date] = field(default_factory=set)
    rows: int = 0
