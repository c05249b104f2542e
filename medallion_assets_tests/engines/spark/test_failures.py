"""What Spark says becomes an error of ours: whether it is tried again, and what to do. Real words, without Spark."""

from __future__ import annotations

import pytest

from medallion_assets.engines.spark.failures import as_ours, spark_failures
from medallion_assets.engines.spark.versions import OtherVersionError
from medallion_assets.errors import LostJobError, OutOfMemoryError, PanicError, PermanentError, TransientError

CALLED = "An error occurred while calling o95.collectToPython.\n: "
ABORTED = (
    f"{CALLED}org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 5.0 failed 4 times, "
)
RECENT = f"{ABORTED}most recent failure: Lost task 0.3 in stage 5.0 (TID 8) (192.0.2.2 executor 1): "
CRASHED = (
    f"{RECENT}org.apache.spark.SparkException: Python worker exited unexpectedly (crashed). Consider setting "
    "'spark.python.worker.faulthandler.enabled' to 'true'.\n\tat x\nCaused by: java.io.EOFException\n\t... 21 more\n"
)
NO_MEMORY = (
    f"{RECENT}org.apache.spark.api.python.PythonException: Traceback (most recent call last):\n"
    '  File "work.py", line 40, in _answer\n    raise ours from None\n'
    "medallion_assets.errors.OutOfMemoryError: an executor: out of memory; found: MemoryError: \n\n\tat x\n"
)
PANICKED = NO_MEMORY.replace(
    "OutOfMemoryError: an executor: out of memory; found: MemoryError",
    ("PanicError: an executor: a native library gave up; found: PanicException"),
)
LOST_EXECUTOR = (
    f"{RECENT}ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: Command exited with "
    "code 137\n"
)


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("Traceback\nModuleNotFoundError: No module named 'medallion_assets'", OtherVersionError, "No module named"),
        ("[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.9", OtherVersionError, "3.9"),
        (CRASHED, LostJobError, "found: org.apache.spark.SparkException: Python worker exited unexpectedly (crashed);"),
        (LOST_EXECUTOR, LostJobError, "found: ExecutorLostFailure (executor 1 exited"),
        ("[Errno 111] Connection refused", LostJobError, "Connection refused"),
        (
            "[INVALID_HANDLE.SESSION_CLOSED] The handle x is invalid. Session was closed.",
            LostJobError,
            "SESSION_CLOSED",
        ),
        (NO_MEMORY, OutOfMemoryError, "found: medallion_assets.errors.OutOfMemoryError: an executor: out of memory"),
        (
            NO_MEMORY.replace("OutOfMemoryError: an", "PanicError: an").replace("MemoryError", "x"),
            PanicError,
            "PanicError",
        ),
        (f"{RECENT}java.lang.OutOfMemoryError: Java heap space\n", OutOfMemoryError, "Java heap space"),
        (
            f"{CALLED}org.apache.spark.SparkException: [SPARK_JOB_CANCELLED] Job 7 cancelled\n",
            TransientError,
            "CANCELLED",
        ),
        (
            f"{CALLED}org.apache.spark.SparkException: Job\n\tat x\nCaused by: exit 1\n",
            TransientError,
            "Caused by: exit 1",
        ),
    ],
)
def test_what_spark_says_becomes_an_error_of_ours(text: str, kind: type[Exception], found: str) -> None:
    error = as_ours(RuntimeError(text))
    assert type(error) is kind
    assert found in str(error)
    assert "\n" not in str(error)


class AnalysisException(Exception):  # noqa: N818 - as PySpark calls it
    """By its name alone: Spark is not needed here."""


def test_what_fails_each_time_is_permanent() -> None:
    assert type(as_ours(AnalysisException("no such column"))) is PermanentError


@pytest.mark.parametrize("kind", [FileNotFoundError, LostJobError])
def test_what_says_itself_what_is_wrong_passes_as_it_is(kind: type[Exception]) -> None:
    with pytest.raises(kind, match="as it was"), spark_failures():
        raise kind("as it was")
