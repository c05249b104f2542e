"""Reporting: what every asset shows in the Dagster UI.

Belongs here: an asset's specification from its contract, what stages report as Dagster's events, and how an error of
this project looks in Dagster.
Does not: reports or figures; stages count, this room only shows.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from random import SystemRandom
from typing import Any

import dagster as dg

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
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors import MedallionError, TransientError, kind_of
from medallion_assets.errors.native import native_failures
from medallion_assets.orchestration.hosting.shell_commands import are_stacks_hidden, failures_in_messages
from medallion_assets.stages import reports
from medallion_assets.stages.figures import Location, Rows
from medallion_assets.stages.reports import Check, Made

AssetEvent = dg.MaterializeResult[None] | dg.AssetCheckResult
FAILURE_PARTS = {"what": "what", "where": "where", "expected": "expected", "found": "found", "do": "what to do"}
"""The parts of an error of this project, and what the metadata of the step's failure calls them."""
FIGURES_SAY = (
    "Of each run, `rows_in` are the rows (lines, records) that it read, `rows_out` those that it wrote or changed, and "
    "`rows_quarantined` those that it set aside as bad; `row_count` is how many the whole table has then."
)
"""Stands on the page of every table, beside the figures."""
JITTER = (0.8, 1.2)
"""Steps that failed together are not tried again together."""
FAILURE_KIND, FAILURE_EXPORT = "kind", "export"
"""What of the error stays the same when it happens again, and the export that it is about."""


def asset_options(table: Table, *, kinds: set[str] | None = None, is_parallel: bool = False) -> dict[str, Any]:
    """What `@dg.asset` takes from a contract: how it looks, and its pool.

    One that `is_parallel` has no pool: runs of different partitions may write it at the same time.

    Its retries are not a policy of Dagster's (see `step_retries`), nor is its freshness: Dagster asks when an asset was
    last made, where the monitor's check `nothing_is_stale` asks how far its data reach.
    """
    return {
        "key": asset_key(table),
        "group_name": table.layer,
        "description": f"{table.description}\n\n{FIGURES_SAY}",
        "owners": list(table.owners),
        "kinds": kinds or {"polars", "deltalake", table.layer},
        "metadata": {"dagster/column_schema": column_schema(table)},
        "pool": None if is_parallel else pool(table),
    }


def pool(table: Table) -> str:
    """The pool of one slot that keeps two runs from writing one table at the same time."""
    return table.name.replace(".", "_")


def asset_key(table: Table) -> dg.AssetKey:
    """`layer/name`."""
    return dg.AssetKey([table.layer, table.short_name])


def key_named(table: str) -> dg.AssetKey:
    """The same of a table whose name is `layer.name`."""
    return dg.AssetKey(table.split("."))


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


def check_result(said: Check) -> dg.AssetCheckResult:
    """The verdict of a check as Dagster takes it."""
    return dg.AssetCheckResult(
        asset_key=key_named(said.table),
        check_name=said.name,
        passed=said.passed,
        severity=dg.AssetCheckSeverity.WARN if said.is_warning else dg.AssetCheckSeverity.ERROR,
        metadata=metadata(said.figures),
    )


def materialization(made: Made) -> dg.MaterializeResult[None]:
    """A table that was made, as Dagster takes it."""
    version = dg.DataVersion(str(made.version))
    return dg.MaterializeResult(asset_key=key_named(made.table), metadata=metadata(made.figures), data_version=version)


def metadata(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a report as Dagster shows them."""
    return {name: _format_figure(value) for name, value in figures.items()}


def check(table: Table, name: str, *, passed: bool, warn: bool = False, **figures: Any) -> dg.AssetCheckResult:
    """The verdict of a check, of an asset that is no stage's; `warn` makes a failure a warning."""
    return check_result(reports.check(table, name, passed=passed, warn=warn, **figures))


def table_result(snapshot: Snapshot, **figures: Any) -> dg.MaterializeResult[None]:
    """The materialization of a Delta table at a version (see `made_version`), of an asset that is no stage's."""
    return materialization(reports.made_version(snapshot, **figures))


@contextmanager
def stage_errors() -> Iterator[None]:
    """Turn an error of this project into a failure of the step: Dagster may retry it only when it is transient.

    So is what a native library does that cannot go on, where no stage has said so for itself. Of what may be tried
    again the cause is kept: Dagster keeps nothing else of a step that asks for that.
    """
    try:
        with failures_in_messages(sys.argv), native_failures("this step"):
            yield
    except MedallionError as error:
        parts = {FAILURE_PARTS[name]: part for name, part in error.parts.items()}
        known = {**parts, FAILURE_KIND: kind_of(error), FAILURE_EXPORT: error.export_id}
        raise dg.Failure(
            str(error),
            metadata={name: part for name, part in known.items() if part is not None},
            allow_retries=isinstance(error, TransientError),
        ) from (None if are_stacks_hidden() and not isinstance(error, TransientError) else error)


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


def _format_figure(value: Any) -> Any:
    match value:
        case Rows():
            columns = [dg.TableColumn(name) for name in value.names]
            records = [dg.TableRecord(record) for record in value.records]
            return dg.MetadataValue.table(records=records, schema=dg.TableSchema(columns=columns))
        case Location():
            return dg.MetadataValue.path(value.url)
    return value


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
