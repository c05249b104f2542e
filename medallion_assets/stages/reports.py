"""Reports: what the work of a stage says while it goes on, as plain values.

Belongs here: the kinds of reports, and how they are made from tables.
Does not: Dagster's events or messages of another process, which are the two ways on which reports reach people;
figures, which stages count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from medallion_assets.contracts.table import Table
from medallion_assets.delta.shown_rows import shown_rows
from medallion_assets.delta.table import Snapshot
from medallion_assets.operations.tables.expectation_results import ExpectationResult
from medallion_assets.stages.figures import Location, as_table

PREVIEW_ROWS = 5
FOUND = "found"
"""The figure of a check that failed which says in words what is wrong: it stands in the error of the attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The verdict of a check; a failure that is a warning stops nothing. Figures are plain values, Rows or a Place."""

    table: str
    name: str
    passed: bool
    is_warning: bool = False
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A table was brought to a version; `partitions` are those that the run was about, where it has partitions."""

    table: str
    version: int
    figures: Mapping[str, Any]
    partitions: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResults:
    """What judging found, rule by rule."""

    results: tuple[ExpectationResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFigures:
    """Columns of the attempt's row in operations.pipeline_runs, over those that a `Made` before it has."""

    figures: Mapping[str, Any]


Report = Check | Made | RuleResults | AttemptFigures


def check(table: Table, name: str, *, passed: bool, warn: bool = False, **figures: Any) -> Check:
    """The verdict of a check; `warn` makes a failure a warning."""
    return Check(table=table.name, name=name, passed=passed, is_warning=warn, figures=figures)


def made(
    table: Table,
    *,
    rows_in: int,
    rows_out: int,
    quarantined: int,
    quality_score: float,
    table_version: int,
    row_count: int,
    location: str | Location,
    sample: Sequence[dict[str, Any]],
    partitions: Iterable[date] = (),
    **more: Any,
) -> Made:
    """What every stage shows of its table: rows, quality, version, place, what is particular to it, a few rows.

    Lists come last: they may be long, and nothing below them would be seen.
    """
    lists = {name: value for name, value in more.items() if isinstance(value, list)}
    figures = {
        "rows_in": rows_in,
        "rows_out": rows_out,
        "rows_quarantined": quarantined,
        "quality_score": quality_score,
        "table_version": table_version,
        "dagster/row_count": row_count,
        "location": location,
        **{name: value for name, value in more.items() if name not in lists},
        "preview": as_table(list(sample[:PREVIEW_ROWS])),
        **lists,
    }
    return Made(table=table.name, version=table_version, figures=figures, partitions=tuple(sorted(partitions)))


def made_version(
    snapshot: Snapshot,
    *,
    rows_in: int,
    rows_out: int,
    quarantined: int = 0,
    quality_score: float = 1.0,
    sample: pl.LazyFrame | None = None,
    partitions: Iterable[date] = (),
    **more: Any,
) -> Made:
    """The report on a Delta table at a version. The preview shows `sample`, or else rows as they come."""
    rows = snapshot.scan() if sample is None else sample
    return made(
        snapshot.table,
        rows_in=rows_in,
        rows_out=rows_out,
        quarantined=quarantined,
        quality_score=quality_score,
        table_version=snapshot.version,
        table_id=snapshot.table_id,
        engine=snapshot.lakehouse.engine.name,
        row_count=snapshot.row_count,
        location=Location(snapshot.uri),
        sample=shown_rows(rows.head(PREVIEW_ROWS).collect()),
        partitions=partitions,
        **more,
    )
