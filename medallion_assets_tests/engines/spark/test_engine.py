"""Spark runs items in its executors, and reads frames, as Polars does."""

from __future__ import annotations

import os
import signal
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.source import BatchRefusedError
from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.spark.engine import LEAVES, TASKS_A_PROCESS, SparkEngine
from medallion_assets.engines.spark.session import session
from medallion_assets.errors import LostJobError, OutOfMemoryError
from medallion_assets_tests import pipeline
from medallion_assets_tests.faults.scenario import assert_same, check_ledger, dump, run


def process_of(number: int, *, times: int) -> tuple[int, int]:
    return number * times, os.getpid()


def test_answers_come_in_the_order_of_the_items_from_other_processes(spark: SparkEngine) -> None:
    answers = list(spark.map_items(partial(process_of, times=3), range(9)))
    assert [number for number, _ in answers] == [3 * number for number in range(9)]
    assert os.getpid() not in {process for _, process in answers}
    assert list(spark.map_items(str, [])) == []


def task_of(_: int) -> int:
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None
    return int(context.partitionId())


@pytest.mark.parametrize("before", [None, "3"], ids=["unset", "a user's own"])
def test_the_setting_of_tasks_is_as_it_was_before(spark: SparkEngine, before: str | None) -> None:
    """A session may be shared."""
    conf = session(spark.settings).conf
    if before is not None:
        conf.set(LEAVES, before)
    try:
        assert list(spark.map_items(task_of, [0])) == [0]
        assert conf.get(LEAVES, None) == before
    finally:
        conf.unset(LEAVES)


def test_items_are_dealt_out_to_a_few_tasks_of_one_stage(spark: SparkEngine) -> None:
    """Neighbours, which are often alike, to different ones; no item waits for a shuffle."""
    session_of, dealt = session(spark.settings), TASKS_A_PROCESS * spark.processes
    before = session_of.conf.get(LEAVES, None)
    tasks = list(spark.map_items(task_of, range(2 * dealt)))
    assert tasks == [*range(dealt), *range(dealt)]
    assert session_of.conf.get(LEAVES, None) == before
    tracker = session_of.sparkContext.statusTracker()
    job = tracker.getJobInfo(max(tracker.getJobIdsForGroup()))
    assert job is not None
    assert len(job.stageIds) == 1


def refuse(number: int) -> int:
    if number == 1:
        raise BatchRefusedError("damaged", f"number {number}", found="one", do="nothing")
    return number


def test_what_an_item_raises_is_raised_here_as_it_was(spark: SparkEngine) -> None:
    with pytest.raises(BatchRefusedError, match="number 1; found: one") as refused:
        list(spark.map_items(refuse, range(3)))
    assert refused.value.verdict == "damaged"
    assert "in refuse" in refused.value.__notes__[0]


def put_aside_and_die_once(aside: Aside) -> pl.LazyFrame:
    """What an executor does that is lost after it wrote: the next one does it all again."""
    assert aside.place is not None
    is_first = not list(Path(aside.place.url).iterdir())
    rows = aside(pl.DataFrame({"a": range(3)}))
    if is_first:
        os._exit(9)
    return rows


def test_of_an_executor_that_was_lost_nothing_is_named(tmp_path: Path, spark: SparkEngine) -> None:
    """Its item is done again; the answer names the files of the attempt that gave it."""
    (answer,) = spark.map_items(put_aside_and_die_once, [Aside(Place(str(tmp_path)))])
    assert answer.collect()["a"].to_list() == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 2


def kill_itself(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run_out_of_memory(_: int) -> None:
    raise MemoryError


def test_a_process_that_is_killed_each_time_is_a_job_that_was_lost(spark: SparkEngine) -> None:
    """After as many attempts as Spark makes; the retry may find more memory, and is one of few."""
    with pytest.raises(LostJobError, match=r"Python worker exited unexpectedly \(crashed\); what to do: .* memory"):
        list(spark.map_items(kill_itself, [1]))
    assert list(spark.map_items(str, [1])) == ["1"]


def test_memory_that_runs_out_each_time_is_no_error_of_the_driver(spark: SparkEngine) -> None:
    """It says what executors lack, and each attempt has a fresh process."""
    with pytest.raises(OutOfMemoryError, match=r"executors are out of memory; .*spark\.executor\.pyspark\.memory"):
        list(spark.map_items(run_out_of_memory, [1]))


ROWS = pl.DataFrame(
    {
        "text": ["a", None, "é"],
        "whole": [1, -1, None],
        "money": pl.Series([Decimal("1.2345"), Decimal("-0.0001"), None], dtype=pl.Decimal(18, 4)),
        "at": pl.Series([datetime(2025, 1, 1, 2, 3, 4, 567891, tzinfo=UTC)] * 3, dtype=pl.Datetime("us", "UTC")),
        "is": [True, None, False],
        "real": [0.5, None, -1.5],
        "texts": pl.Series([["a"], [], None], dtype=pl.List(pl.String)),
    }
)


def test_frames_hold_what_files_hold(tmp_path: Path, spark: SparkEngine) -> None:
    """Every type of a contract, a partition from the path, none where it is null, and null for what a file lacks."""
    for folder in ("day=2025-01-02", "day=__HIVE_DEFAULT_PARTITION__"):
        (tmp_path / folder).mkdir()
        ROWS.write_parquet(tmp_path / folder / "part-1.parquet")
    paths = ("day=2025-01-02/part-1.parquet", "day=__HIVE_DEFAULT_PARTITION__/part-1.parquet")
    schema = pl.Schema([*ROWS.schema.items(), ("day", pl.Date), ("later", pl.String)])
    files = ParquetFiles(uri=str(tmp_path), paths=paths, schema=schema, partition_by="day")
    found, expected = spark.fetch(spark.scan(files)), files.scan().collect()
    order = ["day", "text"]
    assert found.schema == schema
    assert found.sort(order).equals(expected.sort(order))
    assert set(found["day"]) == {date(2025, 1, 2), None}
    nothing = ParquetFiles(uri=str(tmp_path), paths=(), schema=schema, partition_by="day")
    assert spark.fetch(spark.scan(nothing)).equals(pl.DataFrame(schema=schema))


def test_a_file_that_is_gone_is_no_error_of_sparks(tmp_path: Path, spark: SparkEngine) -> None:
    """What an older version of a table names may have been vacuumed away."""
    files = ParquetFiles(uri=str(tmp_path), paths=("gone.parquet",), schema=pl.Schema({"a": pl.Int64}))
    with pytest.raises(FileNotFoundError):
        spark.fetch(spark.scan(files))


@pytest.mark.flow
def test_every_layer_is_the_same_made_by_spark(
    tmp_path: Path, spark: SparkEngine, undisturbed: dict[str, pl.DataFrame]
) -> None:
    there = pipeline.lakehouse_at(tmp_path / "lakehouse", spark)
    run(there)
    assert_same(dump(there), undisturbed)
    check_ledger(there)
    assert list((tmp_path / "lakehouse" / "_workspace").iterdir()) == []
