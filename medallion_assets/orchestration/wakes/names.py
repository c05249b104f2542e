"""The names of sensors, by which others wake them.

Belongs here: how each is called. Does not: what it does.
"""

from __future__ import annotations

from medallion_assets.contracts.pipeline import DbtModels, Pipeline
from medallion_assets.contracts.table import Table

ARRIVALS = ("arrivals_", "file_arrival_")
"""What the names of all sensors begin with that look for what has arrived."""


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
