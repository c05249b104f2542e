"""Windows of an API: what they say of a key (rules F1 to F6, with C1, K and H where these hold).

Belongs here: a window's records as texts, and which windows count once they join up.
Does not: what a record says of a key: that is as in a file of changes (files.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medallion_assets_tests.oracle.files import FileInput, FileTable

Record = Mapping[str, Any]


@dataclass(frozen=True)
class WindowInput:
    """[begin, end) as it was fetched: the records of each page. A value that is null, or not there, is absent."""

    table: FileTable
    begin: datetime
    end: datetime
    pages: tuple[tuple[Record, ...], ...]

    @property
    def batch_id(self) -> str:
        """Ids order as text, by where windows begin, then by where they end (rules F1, F5)."""
        return "-".join(moment.strftime("%Y%m%dT%H%M%S%fZ") for moment in (self.begin, self.end))

    @property
    def as_file(self) -> FileInput:
        """What it says, as a file of changes that was last modified when the window ends (rule F3)."""
        names = (*(column.name for column in self.table.fields), self.table.sequence, str(self.table.flag))
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(names)
        for page in self.pages:
            writer.writerows([_text(record.get(name)) for name in names] for record in page)
        return FileInput(self.table, self.batch_id, self.end, written.getvalue())


def joined(windows: Iterable[WindowInput], starts_at: datetime) -> list[FileInput]:
    """Those that join up from where the chain begins; what lies behind a hole waits for it (rules C1, F2)."""
    counting, reached = list[FileInput](), starts_at
    for window in sorted(windows, key=lambda window: (window.begin, window.end)):
        if window.begin > reached:
            break
        counting.append(window.as_file)
        reached = max(reached, window.end)
    return counting


def _text(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
