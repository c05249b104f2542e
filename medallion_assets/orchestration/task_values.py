"""Task values: small values that one stage sets and a later one reads, in the same run or in another.

Belongs here: reading them from Dagster's event log.
Does not: setting them, or data: what is larger than a few figures goes into a table.

A stage sets a value in what it reports: `dg.MaterializeResult(metadata={**task_values({"files": 3}), ...})`. Every
other entry of the metadata can be read as well: `rows_in`, `table_version`, and `row_count` for `dagster/row_count`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, cast

import dagster as dg

from medallion_assets.errors import PermanentError
from medallion_assets.stages.task_values import PREFIX, Value

MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION


class _Absent(Enum):
    """No default was given."""

    ABSENT = 0


def read_value(
    context: dg.AssetExecutionContext,
    task: str,
    name: str,
    default: Value | Literal[_Absent.ABSENT] = _Absent.ABSENT,
    *,
    partition: str | None = None,
) -> Value:
    """The value `name` of the stage `task` (`layer/table`): of this run, or else of the stage's latest materialization.

    `partition` names the day whose materialization counts; without it the last one counts, whatever its day.

    Raises:
        PermanentError: there is no such value and no default; the message lists those that there are.
    """
    key = dg.AssetKey(task.split("/"))
    instance = context.instance
    found = _of_run(instance, context.run.run_id, key, partition) or _latest(instance, key, partition)
    values = {} if found is None else found.metadata
    if (entry := _entry(name, values)) is not None:
        return cast("Value", values[entry].value)
    if default is not _Absent.ABSENT:
        return default
    known = ", ".join(sorted(entry.removeprefix(PREFIX).removeprefix("dagster/") for entry in values))
    raise PermanentError(
        f"{task} has set no task value {name!r}",
        expected=f"one of {known}" if known else f"a materialization of {task}",
        found="none of that name" if known else "none",
        do="correct the name, run that asset first, or give a default",
    )


def run_value(instance: dg.DagsterInstance, run_id: str, key: dg.AssetKey, name: str) -> Value:
    """The value `name` that an asset set in one run; None when it set none."""
    found = _of_run(instance, run_id, key, None)
    values = {} if found is None else found.metadata
    entry = _entry(name, values)
    return None if entry is None else cast("Value", values[entry].value)


def _entry(name: str, values: Mapping[str, Any]) -> str | None:
    """The metadata entry that a name means."""
    return next((entry for entry in (f"{PREFIX}{name}", name, f"dagster/{name}") if entry in values), None)


def _of_run(
    instance: dg.DagsterInstance, run_id: str, key: dg.AssetKey, partition: str | None
) -> dg.AssetMaterialization | None:
    """The last materialization of the asset in a run."""
    entries = instance.all_logs(run_id, of_type=MATERIALIZED)
    found = [made.asset_materialization for made in reversed(entries)]
    return next((made for made in found if made and made.asset_key == key and _counts(made, partition)), None)


def _latest(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> dg.AssetMaterialization | None:
    """The last materialization of the asset in any run."""
    days = None if partition is None else [partition]
    found = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=key, asset_partitions=days), limit=1)
    return found.records[0].asset_materialization if found.records else None


def _counts(materialization: dg.AssetMaterialization, partition: str | None) -> bool:
    return partition is None or materialization.partition == partition
