"""Triggers that a pipeline declares: what else starts runs than files that arrive, tables that change and the clock.

Belongs here: conditions about runs that ended and updates of several tables, as values.
Does not: deciding whether one is met (triggers), or asking for runs (orchestration).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from medallion_assets.contracts.table import Table

SCHEDULE = "schedule"
"""The trigger of runs that the clock started."""


class Mode(StrEnum):
    """Which of several tables have to have an update."""

    ANY = "any"
    ALL = "all"


class Condition(StrEnum):
    """What must be true of a set of assets or jobs; each means what Databricks' "run if" means."""

    ALL_SUCCEEDED = "all_succeeded"
    AT_LEAST_ONE_SUCCEEDED = "at_least_one_succeeded"
    NONE_FAILED = "none_failed"
    """No one failed, and at least one ran."""
    ALL_DONE = "all_done"
    """Every one has ended, whatever became of it."""
    ALL_FAILED = "all_failed"
    AT_LEAST_ONE_FAILED = "at_least_one_failed"
    AT_LEAST_ONE_SKIPPED = "at_least_one_skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskValue:
    """A figure that the stage of `table` tells of its run, such as `rows_out`, and the least that it has to be."""

    table: Table
    name: str
    at_least: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIf:
    """Run `job` when `condition` holds for `upstream`: tables, whose stages count, and names of jobs.

    `job` is one of the pipeline's, without its prefix, or one of those that all pipelines share. `name` is the
    sensor's. With `value` nothing runs unless the run that met the condition reported such a value.
    """

    name: str
    job: str
    condition: Condition
    upstream: tuple[Table | str, ...]
    value: TaskValue | None = None
