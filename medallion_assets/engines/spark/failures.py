"""Failures: what Spark raises, as errors that say whether to try again and what to do.

Belongs here: what its words mean, classic or Connect.
Does not: errors of items, which are raised as they were (engines.spark.work).

Spark repeats a task whose process was lost (`spark.task.maxFailures`); what comes here has failed that often. What is
kept of its words is the line that says most: no plan, no configuration, no trace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from medallion_assets.engines.spark.versions import OtherVersionError
from medallion_assets.errors import (
    LostJobError,
    MedallionError,
    OutOfMemoryError,
    PanicError,
    PermanentError,
    TransientError,
)

NOT_INSTALLED = "No module named"
OTHER_PYTHON = "PYTHON_VERSION_MISMATCH"
JAVA_CALLED = "An error occurred while calling"
REFUSALS = {
    "AnalysisException",
    "ArithmeticException",
    "ArrayIndexOutOfBoundsException",
    "DateTimeException",
    "IllegalArgumentException",
    "NumberFormatException",
    "ParseException",
    "PySparkAttributeError",
    "PySparkNotImplementedError",
    "PySparkTypeError",
    "PySparkValueError",
    "UnsupportedOperationException",
}
"""What PySpark raises, classic or Connect, for work that fails each time."""
MEMORY = re.compile(r"OutOfMemoryError|MemoryError|Java heap space|GC overhead limit")
"""Of Python on an executor, or of Java."""
PANIC = "errors.PanicError"
"""What an executor raises (engines.spark.work)."""
PANIC_DO = "run it again; if it stays, `medallion verify --digests` says whether a file is damaged"
LOST = re.compile(
    r"ExecutorLostFailure|exited unexpectedly|Connection refused|Connection reset|SparkContext was shut ?down"
    r"|stopped SparkContext|SESSION_(?:CLOSED|CHANGED|NOT_FOUND)|OPERATION_(?:ABANDONED|NOT_FOUND)"
    r"|StatusCode\.UNAVAILABLE|RETRIES_EXCEEDED"
    r"|Answer from Java side is empty|Error while (?:sending or )?receiving"
)
"""A process of Spark's is gone: of an executor, of Java here, or the server."""
RECENT = re.compile(r"most recent failure: (?:Lost task \S+ in stage \S+ \(TID \d+\) \([^)]*\): )?(.*)")
ADVICE = re.compile(r"\. Consider setting .*")
MEMORY_DO = (
    "give executors more memory (spark.executor.memory, spark.executor.pyspark.memory, spark.executor.memoryOverhead "
    "in MEDALLION_SPARK_CONF) or fewer cores each (spark.executor.cores). Nothing of this attempt is in the table"
)


@contextmanager
def spark_failures() -> Iterator[None]:
    """Turn what Spark raises into errors of ours; those, and files that are not there, pass as they are.

    Raises:
        OtherVersionError: executors cannot run this project.
        OutOfMemoryError, PanicError: an executor had too little memory, or a library of its panicked, each time.
        PermanentError: Spark refuses the work.
        LostJobError: processes of Spark's ended without a word.
        TransientError: anything else.
    """
    try:
        yield
    except (MedallionError, FileNotFoundError):
        raise
    except Exception as error:
        raise as_ours(error) from error


def as_ours(error: Exception) -> MedallionError:
    """What Spark raises, as an error that says what to do."""
    text = str(error)
    found = _cause(text)
    if NOT_INSTALLED in text or OTHER_PYTHON in text:
        line = next(line for line in text.splitlines() if NOT_INSTALLED in line or OTHER_PYTHON in line)
        return OtherVersionError(
            "the executors cannot run this project",
            expected="the Python of the driver, with medallion-assets and what its lock names",
            found=line.strip(),
            do="install it where the executors run, and set MEDALLION_SPARK_PYTHON to that interpreter",
        )
    if MEMORY.search(text):
        return OutOfMemoryError("Spark's executors are out of memory", found=found, do=MEMORY_DO)
    if PANIC in text:
        return PanicError("a native library gave up on an executor, each time", found=found, do=PANIC_DO)
    if type(error).__name__ in REFUSALS:
        return PermanentError("Spark refuses the work", found=found, do="correct MEDALLION_SPARK_CONF, or report it")
    if is_loss(error):
        return LostJobError(
            "a process of Spark's ended without a word",
            found=found,
            do=f"it is tried again; if it stays, it is most likely killed for its memory: {MEMORY_DO}",
        )
    return TransientError("Spark gave up", found=found, do="see the logs of its driver and executors")


def loss_in(said: str) -> MedallionError | None:
    """The error for processes of Spark's that were lost, or lacked memory, in words that somebody else passes on."""
    error = RuntimeError(said)
    return as_ours(error) if MEMORY.search(said) or is_loss(error) else None


def is_loss(error: Exception) -> bool:
    """Whether a process of Spark's is gone: an executor's, Java's on this machine, or the server."""
    return isinstance(error, ConnectionError | EOFError) or LOST.search(str(error)) is not None


def _cause(text: str) -> str:
    """The line that says most: why a task failed last, else the innermost cause, else the first but Java's call."""
    if recent := RECENT.search(text):
        return ADVICE.sub("", recent[1]).strip() if "PythonException" not in recent[1] else _last_of_trace(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [text]
    caused = [line for line in lines if line.startswith("Caused by:")]
    said = [line for line in lines if not line.startswith(JAVA_CALLED)]
    return caused[-1] if caused else (said or lines)[0]


def _last_of_trace(text: str) -> str:
    """The last line of the first trace of Python: the error itself."""
    lines = text.partition("Traceback (most recent call last)")[2].splitlines()[1:]
    return next((line.strip() for line in lines if line.strip() and not line.startswith(" ")), "an error of Python")
