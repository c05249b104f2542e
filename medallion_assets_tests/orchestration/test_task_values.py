"""Task values: set by one stage, read by another by name, in the same run or across runs.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from typing import Any

import dagster as dg
import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.task_values import read_value
from medallion_assets.stages.task_values import LARGEST_BYTES, task_values

DAYS = dg.StaticPartitionsDefinition(["2025-01-01", "2025-01-02"])


def setting(**values: Any) -> dg.AssetsDefinition:
    """An asset `bronze/source` that sets values."""

    @dg.asset(key=["bronze", "source"])
    def source() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"dagster/row_count": 7, "rows_in": 3, **task_values(values)})

    return source


def reading(read: list[Any], name: str, **options: Any) -> dg.AssetsDefinition:
    """An asset after it that reads a value."""

    @dg.asset(deps=[dg.AssetKey(["bronze", "source"])])
    def reader(context: dg.AssetExecutionContext) -> None:
        read.append(read_value(context, "bronze/source", name, **options))

    return reader


def run(instance: dg.DagsterInstance, *assets: dg.AssetsDefinition, **options: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize(assets, instance=instance, **options)


@pytest.mark.parametrize("value", [5, 0, 2.5, "text", True, False, None, [1, "x"], {"a": {"b": None}}])
def test_a_value_is_read_as_it_was_set(dagster_instance: dg.DagsterInstance, value: object) -> None:
    """Of each type that JSON has, those that count as false too: no default stands in for them."""
    read: list[Any] = []
    run(dagster_instance, setting(records=value), reading(read, "records", default="the default"))
    assert read == [value]
    assert type(read[0]) is type(value)


def test_the_value_of_the_same_run_wins_over_a_later_one(dagster_instance: dg.DagsterInstance) -> None:
    """Another run came in between: this one goes on with what it made itself."""

    @dg.asset(deps=[dg.AssetKey(["bronze", "source"])])
    def another_run() -> None:
        run(dagster_instance, setting(records=99))

    read: list[Any] = []

    @dg.asset(deps=[another_run])
    def reader(context: dg.AssetExecutionContext) -> None:
        read.append(read_value(context, "bronze/source", "records"))

    run(dagster_instance, setting(records=1), another_run, reader)
    assert read == [1]


def test_without_the_stage_in_the_run_its_latest_value_is_read(dagster_instance: dg.DagsterInstance) -> None:
    read: list[Any] = []
    run(dagster_instance, setting(records=1))
    run(dagster_instance, setting(records=2))
    run(dagster_instance, reading(read, "records"))
    assert read == [2]


def test_every_entry_of_the_metadata_can_be_read(dagster_instance: dg.DagsterInstance) -> None:
    read: list[Any] = []
    run(dagster_instance, setting(rows_in="set on purpose"))
    for name in ("row_count", "dagster/row_count", "rows_in"):
        run(dagster_instance, reading(read, name))
    assert read == [7, 7, "set on purpose"]


@pytest.mark.parametrize("default", [0, None])
@pytest.mark.parametrize("is_made", [False, True])
def test_a_default_stands_in_for_a_value_that_is_not_there(
    dagster_instance: dg.DagsterInstance, is_made: bool, default: int | None
) -> None:
    if is_made:
        run(dagster_instance, setting(other=1))
    read: list[Any] = []
    run(dagster_instance, reading(read, "records", default=default))
    assert read == [default]


def test_without_a_default_the_error_lists_what_there_is(dagster_instance: dg.DagsterInstance) -> None:
    run(dagster_instance, setting(records=1))
    with pytest.raises(PermanentError, match=r"no task value 'record'.*one of records, row_count, rows_in.*what to do"):
        run(dagster_instance, reading([], "record"))


def test_without_a_materialization_the_error_says_so(dagster_instance: dg.DagsterInstance) -> None:
    with pytest.raises(PermanentError, match="expected: a materialization of bronze/source"):
        run(dagster_instance, reading([], "records"))


def test_the_value_of_a_day_can_be_asked_for(dagster_instance: dg.DagsterInstance) -> None:
    @dg.asset(key=["bronze", "source"], partitions_def=DAYS)
    def source(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata=task_values({"day": context.partition_key}))

    for day in DAYS.get_partition_keys():
        run(dagster_instance, source, partition_key=day)
    read: list[Any] = []
    run(dagster_instance, reading(read, "day", partition="2025-01-01"))
    run(dagster_instance, reading(read, "day"))
    assert read == ["2025-01-01", "2025-01-02"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object(), {("a",): 1}])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(PermanentError, match=r"task value 'records' cannot be set.*expected: what JSON can say"):
        task_values({"records": value})


def test_a_value_has_a_largest_size() -> None:
    """In bytes of JSON, quotes included."""
    task_values({"text": "é" * ((LARGEST_BYTES - 2) // 6)})
    task_values({"text": "x" * (LARGEST_BYTES - 2)})
    with pytest.raises(PermanentError, match=r"'text' is too large.*at most 49,152 bytes.*found: 49,153 bytes"):
        task_values({"text": "x" * (LARGEST_BYTES - 1)})
