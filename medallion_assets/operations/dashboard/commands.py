"""Commands: what a person types about a need, ready to be copied.

Belongs here: the commands as text, quoted for a shell.
Does not: when one is needed.
"""

from __future__ import annotations

import json
import shlex
from datetime import datetime, timedelta

from medallion_assets.contracts.run_days import contiguous, days_in, days_text
from medallion_assets.errors.reasons import REASON
from medallion_assets.operations.exports.sources import TableSource
from medallion_assets.operations.freshness.reach import last_complete_day
from medallion_assets.operations.stages import WITHOUT_JOB, Stage
from medallion_assets.operations.tables.pipeline_runs import day_ranges
from medallion_assets.refining.ledger.chain import Gap
from medallion_assets.sources.dynamodb_export.export_windows import SHORTEST, windows_over

MODULE = "-m medallion_assets.definitions"
DAY = timedelta(days=1)
MOST_WINDOWS = 7
"""How many windows of a long gap are written out."""


def materialize(stage: Stage, partition: str | None = None) -> str:
    """Run a stage again, for the days that an attempt was about; of several ranges for the first."""
    command = f"dagster asset materialize {MODULE} --select {shlex.quote(stage.step.path)}"
    ranges = contiguous(days_in(day_ranges(partition)))
    if not ranges:
        return command
    first, last = ranges[0][0], ranges[0][-1]
    return f"{command} --partition {first}" if first == last else f"{command} --partition-range {first}...{last}"


def catch_up(stage: Stage, covered_until: datetime | None, now: datetime) -> str | None:
    """Run a stage that is behind: each day since those that it covers. None where nobody says which days or months."""
    if stage.each is None:
        return materialize(stage)
    if stage.each == "month" or covered_until is None:
        return None
    return materialize(stage, days_text([(last_complete_day(covered_until) + DAY, last_complete_day(now))]))


def again(job: str, step: str) -> str:
    """Run again what is the stage of no pipeline (`layer.table`): its job, or by itself where it ran without one."""
    if job == WITHOUT_JOB:
        return f"dagster asset materialize {MODULE} --select {shlex.quote(step.replace('.', '/'))}"
    return f"dagster job execute {MODULE} -j {shlex.quote(job)}"


def decide(stage: Stage, export_id: str, action: str, partition: str | None = None) -> str:
    """Accept or reject a batch that the gate held, in a run of its stage, for the month that the attempt was about."""
    decision = {action: [{"export_id": export_id, "reason": REASON}]}
    config = {"ops": {stage.step.path.replace("/", "__"): {"config": decision}}}
    return f"{materialize(stage, partition)} --config-json {shlex.quote(json.dumps(config))}"


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
