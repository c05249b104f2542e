"""Reporting: what every asset shows in the Dagster UI, made from contracts and tables.

Belongs here: an asset's specification from its contract, the metadata of a materialization, checks, and how an error
of this project looks in Dagster.
Does not: figures; stages count, this room only shows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from random import SystemRandom
from typing import Any

import dagster as dg
import polars as pl

from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import (
    Boolean,
    Column,
    Date,
    Decimal,
    Float,
    Integer,
    Table,
    Text,
    TextList,
    TimestampUtc,
    Type,
)
from medallion_assets.delta.shown_rows import shown_rows
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors import MedallionError, TransientError, kind_of
from medallion_assets.errors.native import native_failures
from medallion_assets.errors.visible_text import visible

PREVIEW_ROWS = 5
PREVIEW_CHARACTERS = 120
COUNTS_SHOWN = 100
FAILURE_PARTS = {"what": "what", "expected": "expected", "found": "found", "do": "what to do"}
"""The parts of an error of this project, and what the metadata of the step's failure calls them."""
STEP_RETRY_SECONDS = 10.0
"""The wait before the first retry of a step, where neither its limits nor settings say another."""
JITTER = (0.8, 1.2)
"""Steps that failed together are not tried again together."""
FAILURE_KIND, FAILURE_EXPORT = "kind", "export"
"""What of the error stays the same when it happens again, and the export that it is about."""


def asset_options(
    table: Table, *, kinds: set[str] | None = None, freshness_hours: float | None = None, is_parallel: bool = False
) -> dict[str, Any]:
    """What `@dg.asset` takes from a contract: how it looks, its pool, and when it counts as stale.

    One that `is_parallel` has no pool: runs of different partitions may write it at the same time.

    Its retries are not a policy of Dagster's (see `step_retries`).
    """
    return {
        "key": asset_key(table),
        "group_name": table.layer,
        "description": table.description,
        "owners": list(table.owners),
        "kinds": kinds or {"polars", "deltalake", table.layer},
        "metadata": {"dagster/column_schema": column_schema(table)},
        "pool": None if is_parallel else pool(table),
        "freshness_policy": freshness_hours
        and dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=freshness_hours)),
    }


def pool(table: Table) -> str:
    """The pool of one slot that keeps two runs from writing one table at the same time."""
    return table.name.replace(".", "_")


def asset_key(table: Table) -> dg.AssetKey:
    """`layer/name`."""
    return dg.AssetKey([table.layer, table.short_name])


def column_schema(table: Table) -> dg.TableSchema:
    """The contract's columns as Dagster shows them."""
    return dg.TableSchema(columns=[_column(table, column) for column in table.columns])


def check_specs(
    table: Table, described: Mapping[str, str], *, blocking: Collection[str] = ()
) -> list[dg.AssetCheckSpec]:
    """The checks of an asset, by name with what each proves; those that are `blocking` stop what comes after it."""
    key = asset_key(table)
    return [
        dg.AssetCheckSpec(name, asset=key, description=description, blocking=name in blocking)
        for name, description in described.items()
    ]


def check(table: Table, name: str, *, passed: bool, warn: bool = False, **figures: Any) -> dg.AssetCheckResult:
    """The verdict of a check; `warn` makes a failure a warning."""
    severity = dg.AssetCheckSeverity.WARN if warn else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(
        asset_key=asset_key(table), check_name=name, passed=passed, severity=severity, metadata=figures
    )


def stage_metadata(
    *,
    rows_in: int,
    rows_out: int,
    quarantined: int,
    quality_score: float,
    table_version: int,
    row_count: int,
    location: str | dg.MetadataValue[Any],
    sample: list[dict[str, Any]],
    **more: Any,
) -> dict[str, Any]:
    """What every materialization shows: rows, quality, version, place, what is particular to the stage, a few rows.

    Lists come last: they may be long, and nothing below them would be seen.
    """
    lists = {name: value for name, value in more.items() if isinstance(value, list)}
    return {
        "rows_in": rows_in,
        "rows_out": rows_out,
        "rows_quarantined": quarantined,
        "quality_score": quality_score,
        "table_version": table_version,
        "dagster/row_count": row_count,
        "location": location,
        **{name: value for name, value in more.items() if name not in lists},
        "preview": as_table(sample[:PREVIEW_ROWS]),
        **lists,
    }


def table_result(
    snapshot: Snapshot,
    *,
    rows_in: int,
    rows_out: int,
    quarantined: int = 0,
    quality_score: float = 1.0,
    sample: pl.LazyFrame | None = None,
    **more: Any,
) -> dg.MaterializeResult[None]:
    """The materialization of a Delta table at a version. The preview shows `sample`, or else rows as they come."""
    rows = snapshot.scan() if sample is None else sample
    metadata = stage_metadata(
        rows_in=rows_in,
        rows_out=rows_out,
        quarantined=quarantined,
        quality_score=quality_score,
        table_version=snapshot.version,
        table_id=snapshot.table_id,
        engine=snapshot.lakehouse.engine.name,
        row_count=snapshot.row_count,
        location=dg.MetadataValue.path(snapshot.uri),
        sample=shown_rows(rows.head(PREVIEW_ROWS).collect()),
        **more,
    )
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(str(snapshot.version)))


@contextmanager
def stage_errors() -> Iterator[None]:
    """Turn an error of this project into a failure of the step: Dagster may retry it only when it is transient.

    So is what a native library does that cannot go on, where no stage has said so for itself.
    """
    try:
        with native_failures("this step"):
            yield
    except MedallionError as error:
        parts = {FAILURE_PARTS[name]: part for name, part in error.parts.items()}
        known = {**parts, FAILURE_KIND: kind_of(error), FAILURE_EXPORT: error.export_id}
        raise dg.Failure(
            str(error),
            metadata={name: part for name, part in known.items() if part is not None},
            allow_retries=isinstance(error, TransientError),
        ) from error


@contextmanager
def step_retries(limits: Limits, *, attempt: int, first_wait_seconds: float) -> Iterator[None]:
    """Ask Dagster to try the step again, as often as the stage's limits say, after what may not be permanent.

    With a retry policy Dagster also tries again what was ended by a person, by its time limit or with its host: in the
    same process, which then works on for a run that is over.
    """
    try:
        yield
    except (dg.DagsterError, dg.RetryRequested):
        raise
    except Exception as error:
        if isinstance(error, dg.Failure) and not error.allow_retries:
            raise
        wait = retry_wait(attempt=attempt, first_wait_seconds=first_wait_seconds)
        raise dg.RetryRequested(max_retries=limits.retries, seconds_to_wait=wait) from error


def retry_wait(*, attempt: int, first_wait_seconds: float) -> float:
    """How many seconds a step waits after its attempt of that number (from 1): twice as long each time."""
    return float(first_wait_seconds * 2 ** (attempt - 1) * SystemRandom().uniform(*JITTER))


def as_table(rows: list[dict[str, Any]], *, longest: int = PREVIEW_CHARACTERS) -> dg.TableMetadataValue:
    """Rows as Dagster shows them; values are text, and cut where they have more than `longest` characters."""
    names = list(rows[0]) if rows else []
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: _text(row[name], longest) for name in names}) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in names]),
    )


def markdown_table(rows: list[dict[str, Any]], *, longest: int = PREVIEW_CHARACTERS) -> str:
    """Rows as a Markdown table; values of more than `longest` characters are cut."""
    if not rows:
        return "no rows"
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    cells = ([_text(row[name], longest).replace("|", "\\|") for name in names] for row in rows)
    lines += [f"| {' | '.join(line)} |" for line in cells]
    return "\n".join(lines)


def counts(figures: Mapping[str, int]) -> str:
    """Names and counts in one line, the largest first; COUNTS_SHOWN of them, and long names cut: items choose them."""
    ordered = sorted(figures.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{visible(cut(name, PREVIEW_CHARACTERS))}: {count:,}" for name, count in ordered[:COUNTS_SHOWN]]
    more = [f"and {len(ordered) - COUNTS_SHOWN:,} more"] if len(ordered) > COUNTS_SHOWN else []
    return ", ".join([*shown, *more]) or "none"


def _text(value: Any, longest: int) -> str:
    return visible(cut("" if value is None else str(value), longest)).replace("\n", " ")


def cut(text: str, longest: int) -> str:
    """A text of at most `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _type_name(kind: Type) -> str:
    """A contract's type, as people who do not know the engine call it."""
    match kind:
        case Text():
            return "string"
        case Integer():
            return "int64"
        case Decimal():
            return f"decimal({kind.precision}, {kind.scale})"
        case Float():
            return "double"
        case TimestampUtc():
            return "timestamp (UTC)"
        case Date():
            return "date"
        case Boolean():
            return "boolean"
        case TextList():
            return "list of string"


def _column(table: Table, column: Column) -> dg.TableColumn:
    unique = table.key == (column.name,) and not table.history
    return dg.TableColumn(
        name=column.name,
        type=_type_name(column.type),
        description=column.description,
        constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=unique),
    )
