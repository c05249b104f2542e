"""Dagster's own tags of runs that several modules set or read.

Belongs here: their keys. Does not: days of a run, or tags of ours.
"""

from __future__ import annotations

MAX_RUNTIME, MAX_RETRIES = "dagster/max_runtime", "dagster/max_retries"
"""After how many seconds a run is ended, and how often it is started anew."""
FORMER_MAX_RUNTIME = "dagster/max_runtime_seconds"
"""What Dagster called the first of them, and reads still where that is not there."""
PRIORITY = "dagster/priority"
SENSOR_NAME, SCHEDULE_NAME = "dagster/sensor_name", "dagster/schedule_name"
"""What asked for a run."""
ROOT_RUN = "dagster/root_run_id"
"""The first of a run and those that started it anew."""
RETRIED_BY = "dagster/auto_retry_run_id"
"""The run that started it anew."""
