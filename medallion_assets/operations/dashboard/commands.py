"""Commands: what a person types about a need, ready to be copied.

Belongs here: the commands as text, quoted for a shell.
Does not: when one is needed.
"""

from __future__ import annotations

import json
import shlex

from medallion_assets.contracts.run_days import contiguous, days_in
from medallion_assets.operations.pipeline_runs import day_ranges
from medallion_assets.operations.sources import TableSource
from medallion_assets.operations.stages import Stage
from medallion_assets.refining.chain import Gap

REASON = "why"


def materialize(stage: Stage, partition: str | None = None) -> str:
    """Run a stage again, for the days that an attempt was about; of several ranges for the first."""
    command = f"dagster asset materialize -m medallion_assets.definitions --select {shlex.quote(stage.step.path)}"
    ranges = contiguous(days_in(day_ranges(partition)))
    if not ranges:
        return command
    first, last = ranges[0][0], ranges[0][-1]
    return f"{command} --partition {first}" if first == last else f"{command} --partition-range {first}...{last}"


def decide(stage: Stage, export_id: str, action: str) -> str:
    """Accept or reject an export that the gate held, in a run of its stage."""
    decision = {action: [{"export_id": export_id, "reason": REASON}]}
    config = {"ops": {stage.step.path.replace("/", "__"): {"config": decision}}}
    return f"{materialize(stage)} --config-json {shlex.quote(json.dumps(config))}"


def export_window(source: TableSource | None, gap: Gap) -> str | None:
    """Export the window that is missing; None where nothing says of which table, or no chain has begun."""
    if source is None or source.arn is None or gap.covered_until is None:
        return None
    window = f"ExportFromTime={gap.covered_until.isoformat()},ExportToTime={gap.window_from.isoformat()}"
    return (
        f"aws dynamodb export-table-to-point-in-time --table-arn {shlex.quote(source.arn)} --s3-bucket BUCKET "
        f"--s3-prefix PREFIX --export-type INCREMENTAL_EXPORT --incremental-export-specification {shlex.quote(window)}"
    )
