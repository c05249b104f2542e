"""Gaps in a chain of batches: what closes one, and the exports that a person makes for it.

Belongs here: the words, and the commands as text, quoted for a shell.
Does not: which gaps there are.
"""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta

from medallion_assets.operations.exports.sources import TableSource
from medallion_assets.refining.ledger.chain import Gap
from medallion_assets.sources.dynamodb_export.export_windows import SHORTEST, windows_over

MOST_WINDOWS = 7
"""How many windows of a long gap are written out."""


def close_gap(source: TableSource | None, gap: Gap) -> tuple[str, str | None]:
    """What to do about a gap in words, and the commands that export what is missing, one a line.

    These are its windows, MOST_WINDOWS at most, or the whole table where no window can be so short. There are none
    where nothing says of which table.
    """
    do = "make a full export" if gap.covered_until is None else "export the missing window, or make a full export"
    if source is None:
        return f"deliver {'' if gap.covered_until is None else 'the missing window, or '}a full {gap.word}", None
    windows = [] if gap.covered_until is None else windows_over(gap.covered_until, gap.window_from)
    shown = windows[:MOST_WINDOWS] if source.arn else []
    if gap.covered_until is not None and not windows:
        least = SHORTEST // timedelta(minutes=1)
        do = f"make a full export: the gap is under {least} minutes, which is the shortest window that DynamoDB exports"
    if len(windows) > 1:
        do = f"export what is missing in {len(windows)} windows, each of 24 hours at most, or make a full export"
    if shown and len(shown) < len(windows):
        do += f"; the commands are for the first {len(shown)}, {len(windows) - len(shown)} more must follow"
    if source.arn is None:
        return do, None
    return do, "\n".join(_export(source.arn, *window) for window in shown) or _export(source.arn)


def _export(arn: str, from_at: datetime | None = None, to_at: datetime | None = None) -> str:
    """Export a window of a table, or the whole of it."""
    command = (
        f"aws dynamodb export-table-to-point-in-time --table-arn {shlex.quote(arn)} --s3-bucket BUCKET "
        "--s3-prefix PREFIX"
    )
    if from_at is None or to_at is None:
        return command
    times = f"ExportFromTime={from_at.isoformat()},ExportToTime={to_at.isoformat()}"
    return f"{command} --export-type INCREMENTAL_EXPORT --incremental-export-specification {times}"
