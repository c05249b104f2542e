"""The jobs that have a schedule before anybody declares one, and the cron lines of all that have one.

Belongs here: the names of these jobs, and reading the lines that settings give.
Does not: the other jobs, or when a day is closed.
"""

from __future__ import annotations

from collections.abc import Mapping

from medallion_assets.settings.values import json_object

DAILY, MONITOR, QUERY_ALERTS_JOB = "daily_gold_and_publish", "monitor", "query_alerts"
SCHEDULES = {DAILY: ("0 1 * * *",), MONITOR: ("*/15 * * * *",)}
"""Yesterday is closed at 01:00, and the monitor runs four times an hour, unless settings say otherwise."""


def read_schedules(env: Mapping[str, str], *, asks_queries: bool) -> dict[str, tuple[str, ...]]:
    """Cron lines by job; those of a job that is named replace its own. `asks_queries`: there are query alerts."""
    lines = json_object(env, "MEDALLION_SCHEDULES", 'such as {"refine": "0 */6 * * *", "ingest": ["5 * * * *"]}')
    usual = {**SCHEDULES, **({QUERY_ALERTS_JOB: SCHEDULES[MONITOR]} if asks_queries else {})}
    return {**usual, **{job: (value,) if isinstance(value, str) else tuple(value) for job, value in lines.items()}}
