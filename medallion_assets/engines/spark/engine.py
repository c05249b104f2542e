"""The Spark engine: items of work as rows of a frame; frames for Gold.

Belongs here: how items get to executors and answers come back.
Does not: what an item is, or the session.

A frame of pickled items goes through `mapInArrow`, which classic sessions and Spark Connect both have. No rows of a
table go through the JVM, but those of Gold's frames. Spark gives back the answers of attempts that succeeded, one of
each item: files of another attempt are named by nobody.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import polars as pl

from medallion_assets.engines.engine import Answer, Item
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.remote import RemoteEngine
from medallion_assets.engines.spark.calls import called
from medallion_assets.engines.spark.cores import cores
from medallion_assets.engines.spark.frames import collected, read
from medallion_assets.engines.spark.session import session
from medallion_assets.engines.spark.versions import versions
from medallion_assets.settings.spark import SparkSettings

TASKS_A_PROCESS = 4
"""A task takes 0.1 CPU seconds of its process, whatever it does."""
LEAVES = "spark.sql.leafNodeDefaultParallelism"
MOST_PROCESSES = 1000
"""More would wait for the one driver that commits: it is handed each answer."""


@dataclass(frozen=True, kw_only=True)
class SparkEngine(RemoteEngine):
    """Spark's executors, through the session of this process."""

    settings: SparkSettings = field(default_factory=SparkSettings)
    name: str = "spark"

    @property
    def processes(self) -> int:
        """The cores of the cluster, as it is now or may become."""
        spark = session(self.settings)
        return called(spark, lambda: _processes(spark))

    def run(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """A few items are a task, which Spark repeats when its process is lost.

        Raises:
            MedallionError: what `session` and `called` raise.
            Exception: what the function raised for an item, the first of those that raised.
        """
        if not items:
            return
        spark = session(self.settings)  # says what is missing, before anything of Spark is imported here
        answers = called(spark, lambda: self._answers(spark, function, items))
        for row in sorted(answers, key=lambda row: int(row["number"])):
            answer, raised = pickle.loads(bytes(row["answer"]))  # noqa: S301 - our own
            if raised is not None:
                raise raised
            yield answer

    def _answers(self, spark: Any, function: Callable[[Item], Answer], items: Sequence[Item]) -> list[Any]:
        from pyspark.cloudpickle import dumps

        tasks = min(len(items), TASKS_A_PROCESS * _processes(spark))
        work = _work(bytes(dumps(function)), versions(self.settings.packages))
        with _tasks(spark, tasks):
            frame = spark.createDataFrame(_in_turn([bytes(dumps(item)) for item in items], tasks))
            rows: list[Any] = frame.mapInArrow(work, "number long, answer binary").collect()
        return rows

    def scan(self, files: ParquetFiles) -> nw.LazyFrame[Any]:
        """The rows, as a frame of Spark that Narwhals wraps."""
        spark = session(self.settings)
        frame: nw.LazyFrame[Any] = nw.from_native(called(spark, lambda: read(spark, files)))
        return frame

    def fetch(self, rows: nw.LazyFrame[Any]) -> pl.DataFrame:
        """All of them, through Arrow."""
        return called(session(self.settings), lambda: collected(rows.to_native()))


def _processes(spark: Any) -> int:
    return min(MOST_PROCESSES, cores(spark))


@contextmanager
def _tasks(spark: Any, tasks: int) -> Iterator[None]:
    """So many tasks for rows that the driver gives, without the shuffle that cutting them anew would be."""
    before = spark.conf.get(LEAVES, None)
    spark.conf.set(LEAVES, str(tasks))
    try:
        yield
    finally:
        with suppress(Exception):  # a session that is lost: what it raised is the one to tell
            if before is None:
                spark.conf.unset(LEAVES)
            else:
                spark.conf.set(LEAVES, before)


def _in_turn(items: Sequence[bytes], tasks: int) -> Any:
    """The items with their numbers, those of each task in a batch of its own: neighbours are in different ones."""
    import pyarrow as pa

    numbers = [range(task, len(items), tasks) for task in range(tasks)]
    columns = (([*some], [items[number] for number in some]) for some in numbers)
    schema = pa.schema([("number", pa.int64()), ("item", pa.binary())])
    return pa.Table.from_batches([pa.record_batch(list(pair), schema=schema) for pair in columns])


def _work(function: bytes, driver: dict[str, str]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """What is sent to executors: a closure goes by value, so that it can run where this project is not installed."""

    def work(batches):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - Spark would try to resolve types
        from medallion_assets.engines.spark.work import answers

        yield from answers(batches, function, driver)

    return work
