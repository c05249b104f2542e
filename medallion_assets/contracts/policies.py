"""Policies: how a stage is run and what its batches have to keep, as values beside the table's schema.

Belongs here: timers, limits, and what the gate asks for.
Does not: what a row of a table is, or acting on any of them (refining, orchestration).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """When a change may trigger a run: both must hold, and both may be 0. They mean what Lakeflow Jobs' do.

    `min_time_between_triggers_seconds` counts from the last trigger; `wait_after_last_change_seconds` starts anew with
    every change.
    """

    min_time_between_triggers_seconds: int = 300
    wait_after_last_change_seconds: int = 60


ARRIVAL_TIMERS = Timers()
"""Of batches that wait to be loaded, unless their declaration says otherwise."""
AT_ONCE = Timers(min_time_between_triggers_seconds=0, wait_after_last_change_seconds=0)
"""Right after the change."""
UPDATE_TIMERS = Timers(wait_after_last_change_seconds=120)
"""Of a table whose sources have changed, unless its declaration says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long the stage that writes a table may take, how often it is tried again, and when it counts as unhealthy.

    The first retry waits `first_retry_seconds`, or as the settings say, each one after it twice as long. An attempt
    ends after `time_limit_seconds`, and is retried after that if `retry_on_timeout`. A run that lasts over
    `health_seconds` (attempts and waits included) or a process over `health_peak_bytes` raises an alert and goes on.
    """

    time_limit_seconds: int = 3600
    retries: int = 1
    first_retry_seconds: float | None = None
    retry_on_timeout: bool = False
    health_seconds: int = 7200
    health_peak_bytes: int = 8 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """What a batch has to keep to be published without a person's decision.

    `quality_threshold` (a share from 0 to 1) of its records have to be good, unless fewer than
    `quality_min_bad_records` are bad (rule C3). A full batch may delete by absence `max_delete_share` (0 to 1) of the
    live rows, or fewer than `max_delete_min_rows` of them (rule C7).
    """

    quality_threshold: float = 0.98
    quality_min_bad_records: int = 10
    max_delete_share: float = 0.5
    max_delete_min_rows: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckDBLimits:
    """What DuckDB may use for a build: memory as DuckDB writes it (it spills to disk over that), and threads."""

    memory: str = "1GB"
    threads: int = 2


DUCKDB_LIMITS = DuckDBLimits()
"""Unless settings say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """A whole pipeline in one run: when, unless settings give its job other cron lines, and how long it may take.

    A run of over `health_seconds` raises an alert and goes on; after `time_limit_seconds` it is ended. Of its steps as
    many as `steps_at_once` may run at the same time, each in a process of its own; with 1 they go one after another in
    the process of the run.
    """

    cron: tuple[str, ...]
    time_zone: str = "UTC"
    health_seconds: int = 3 * 3600
    time_limit_seconds: int = 4 * 3600
    steps_at_once: int = 2


LOADING_LIMITS = Limits(retries=2, retry_on_timeout=True)
"""Of a Bronze table, unless its declaration says otherwise."""
USUAL_GATE = GatePolicy()
"""Of a loaded table, unless its declaration says otherwise."""


FRESHNESS_HOURS = 24.0
"""How far behind now an exported table, and Silver, may be, unless their declaration says otherwise (rule V4)."""
MONTHS_FRESHNESS_HOURS = 35 * 24.0
"""The same where each batch is a month: the next one, of 31 days at most, is there within four days of its end."""
GOLD_FRESHNESS_HOURS = 26.0
"""The same of Gold and what is published: days are closed an hour after their end, and a day may have 25 hours."""

EXPORT_AGE_HOURS = 6.0
"""How old a batch may be once readers see what it changed, unless the declaration says otherwise (rule V5)."""


@dataclass(frozen=True, kw_only=True)
class Policies:
    """How the stage of a table is run: `update_timers` delay what an update of a source starts.

    `freshness_hours` is how far behind now its data may reach (rule V4); None when nothing promises it.
    """

    update_timers: Timers = UPDATE_TIMERS
    limits: Limits = Limits()
    freshness_hours: float | None = FRESHNESS_HOURS
