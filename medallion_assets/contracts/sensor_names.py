"""The names of sensors, by which others wake them, and which nothing else of a pipeline may have.

Belongs here: how each is called. Does not: what it does, or which there are under given settings.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.contracts.pipeline import DbtModels, Pipeline
from medallion_assets.contracts.table import Table

ARRIVALS = ("arrivals_", "file_arrival_")
"""What the names of all sensors begin with that look for what has arrived."""
ALERT_RULES, ALERT_SENDER, RUN_OUTCOMES, DIAGNOSE_FAILURES = (
    "alert_rules",
    "alert_sender",
    "run_outcomes",
    "diagnose_failures",
)
SHARED = (ALERT_RULES, ALERT_SENDER, RUN_OUTCOMES, DIAGNOSE_FAILURES)
"""The sensors that all pipelines share."""


def arrivals(pipeline: Pipeline) -> str:
    """The sensor of all tables of a pipeline that no timer holds back."""
    return f"{ARRIVALS[0]}{pipeline.name}"


def file_arrival(table: Table) -> str:
    """The sensor of what arrives for one table."""
    return f"{ARRIVALS[1]}{table.short_name}"


def table_update(table: Table) -> str:
    """The sensor of a loaded or derived table, which looks at its sources."""
    return f"table_update_{table.short_name}"


def restated(gold: Table) -> str:
    """The sensor of a Gold table and what serves it, which looks at its source."""
    return f"restated_{gold.short_name}"


def completed(built: DbtModels) -> str:
    """The sensor of the models of a dbt project, which looks at their sources."""
    return f"completed_{built.name}"


def of_pipeline(pipeline: Pipeline) -> Iterator[str]:
    """Every sensor that a pipeline may have beside those that it declares, whatever the settings."""
    yield arrivals(pipeline)
    yield from (table_update(loaded.table) for loaded in pipeline.loaded)
    yield from (table_update(derived.table) for derived in pipeline.derived)
    yield from (file_arrival(loaded.table) for loaded in pipeline.loaded)
    yield from (restated(gold.table) for gold in pipeline.gold)
    yield from (completed(built) for built in pipeline.dbt)
