"""The Spark engine: items of work as rows of a frame; frames for Gold.

Belongs here: how items get to executors and answers come back.
Does not: what an item is (engines.remote), or the session (engines.spark.session).

A frame of pickled items goes through `mapInArrow`, which classic sessions and Spark Connect both have. No rows of a
table go through the JVM, but those of Gold's frames. Spark gives back the answers of attempts that succeeded, one of
each item: files of another attempt are named by nobody.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import polars as pl

from medallion_assets.engines.engine import Answer, Item
from medallion_assets.engines.files import Files
from medallion_assets.engines.remote import RemoteEngine
from medallion_assets.engines.spark.frames import collected, read
from medallion_assets.engines.spark.session import session
from medallion_assets.engines.spark.versions import OtherVersionError, versions
from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.settings.spark import SparkSettings

TASKS_A_PROCESS = 4
"""A task takes 0.2 CPU seconds of its process, whatever it does: each begins with reading pyspark's zip anew."""
NOT_INSTALLED = "No module named"
OTHER_PYTHON = "PYTHON_VERSION_MISMATCH"
JAVA_CALLED = "An error occurred while calling"
REFUSALS = {"AnalysisException", "ParseException", "IllegalArgumentException", "UnsupportedOperationException"}
"""What PySpark raises, classic or Connect, for work that fails each time."""


@dataclass(frozen=True, kw_only=True)
class SparkEngine(RemoteEngine):
    """Spark's executors, through the session of this process."""

    settings: SparkSettings = field(default_factory=SparkSettings)
    name: str = "spark"

    def run(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """A few items are a task, which Spark repeats when its process is lost.

        Raises:
            OtherVersionError: an executor has other versions than this process.
            TransientError: Spark gave up.
            Exception: what the function raised for an item, the first of those that raised.
        """
        if not items:
            return
        spark = session(self.settings)  # says what is missing, before anything of Spark is imported here
        from pyspark.cloudpickle import dumps

        rows = [(number, bytearray(dumps(item))) for number, item in enumerate(items)]
        frame = spark.createDataFrame(rows, "number long, item binary").coalesce(1)
        frame = frame.repartition(min(len(rows), TASKS_A_PROCESS * self.processes))  # in turn: even to one item
        work = _work(bytes(dumps(function)), versions())
        try:
            answers = frame.mapInArrow(work, "number long, answer binary").collect()
        except BaseException as error:
            with suppress(Exception):  # the first error is the one to tell
                spark.interruptAll()
            if isinstance(error, Exception):
                raise as_ours(error) from error
            raise
        for row in sorted(answers, key=lambda row: int(row["number"])):
            answer, raised = pickle.loads(bytes(row["answer"]))  # noqa: S301 - our own
            if raised is not None:
                raise raised
            yield answer

    def scan(self, files: Files) -> nw.LazyFrame[Any]:
        """The rows, as a frame of Spark that Narwhals wraps."""
        frame: nw.LazyFrame[Any] = nw.from_native(read(session(self.settings), files))
        return frame

    def fetch(self, rows: nw.LazyFrame[Any]) -> pl.DataFrame:
        """All of them, through Arrow."""
        return collected(rows.to_native())


def _work(function: bytes, driver: dict[str, str]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """What is sent to executors: a closure goes by value, so that it can run where this project is not installed."""

    def work(batches):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - Spark would try to resolve types
        from medallion_assets.engines.spark.work import answers

        yield from answers(batches, function, driver)

    return work


def as_ours(error: Exception) -> Exception:
    """What Spark raises, as an error that says what to do."""
    text = str(error)
    if NOT_INSTALLED in text or OTHER_PYTHON in text:
        line = next(line for line in text.splitlines() if NOT_INSTALLED in line or OTHER_PYTHON in line)
        return OtherVersionError(
            "the executors cannot run this project",
            expected="the Python of the driver, with medallion-assets and what its lock names",
            found=line.strip(),
            do="install it where the executors run, and set MEDALLION_SPARK_PYTHON to that interpreter",
        )
    if type(error).__name__ in REFUSALS:
        return PermanentError(
            "Spark refuses the work", found=_cause(text), do="correct MEDALLION_SPARK_CONF, or report it"
        )
    return TransientError(
        "Spark gave up",
        found=_cause(text),
        do="see the logs of its executors; one that ended unexpectedly had too little memory",
    )


def _cause(text: str) -> str:
    """The line that says most: the innermost cause, else the first that is more than where Java was called."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [text]
    caused = [line for line in lines if line.startswith("Caused by:")]
    said = [line for line in lines if not line.startswith(JAVA_CALLED)]
    return caused[-1] if caused else (said or lines)[0]
