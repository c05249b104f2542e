"""Commands: what a person types about a need, ready to be copied.

Belongs here: the commands as text, quoted for a shell.
Does not: when one is needed.
"""

from __future__ import annotations

import json
import shlex
from datetime import datetime, timedelta

from medallion_assets.contracts.moments import last_business_day
from medallion_assets.contracts.run_days import contiguous, days_in, days_text
from medallion_assets.errors.reasons import REASON
from medallion_assets.operations.stages import WITHOUT_JOB, Stage
from medallion_assets.operations.tables.pipeline_runs import day_ranges

MODULE = "-m medallion_assets.definitions"
DAY = timedelta(days=1)


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
    return materialize(stage, days_text([(last_business_day(covered_until) + DAY, last_business_day(now))]))


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
