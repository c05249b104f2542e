"""What Spark says becomes an error of ours: whether it is tried again, and what to do. Real words, without Spark."""

from __future__ import annotations

from pickle import PicklingError

import pytest

from medallion_assets.engines.spark.failures import as_ours, not_started, spark_failures
from medallion_assets.engines.spark.versions import OtherVersionError
from medallion_assets.errors import LostJobError, OutOfMemoryError, PanicError, PermanentError, TransientError
from medallion_assets.settings.spark import SparkSettings

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
LOST_EXECUTOR = (
    f"{RECENT}ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: Command exited with "
    "code 137\n"
)
FORBIDDEN = "S3Exception: x (Service: S3, Status Code: 403, Request ID: 1)"
MAX_RESULT = (PermanentError, "raise spark.driver.maxResultSize in MEDALLION_SPARK_CONF")


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
        (f"{ABORTED}Total size of 3 tasks is bigger than spark.driver.maxResultSize (1024.0 MiB)", *MAX_RESULT),
        (
            f"{CALLED}Serialized task 0:0 was 300 bytes, which exceeds max allowed: spark.rpc.message.maxSize (1)",
            PermanentError,
            "raise spark.rpc.message.maxSize in MEDALLION_SPARK_CONF",
        ),
        (
            "status = StatusCode.RESOURCE_EXHAUSTED\ndetails = Received message larger than max (3 vs. 2)",
            PermanentError,
            "raise spark.connect.grpc.maxInboundMessageSize",
        ),
        (f"{RECENT}org.apache.spark.SparkArithmeticException: [OVERFLOW] x", PermanentError, "[OVERFLOW] x"),
        (f"{RECENT}java.nio.file.AccessDeniedException: s3a://b: {FORBIDDEN}", PermanentError, "the keys or the role"),
        (
            f"{RECENT}AWSS3IOException: s3a://b: 400 KMS.NotFoundException",
            PermanentError,
            "the keys or the",
        ),
        (f"{RECENT}{FORBIDDEN}:RequestTimeTooSkewed", TransientError, "RequestTimeTooSkewed"),
        ("status = StatusCode.UNAUTHENTICATED", PermanentError, "UNAUTHENTICATED"),
        ("'JavaPackage' object is not callable", LostJobError, "JavaPackage"),
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


WORDS = {
    LostJobError: [
        "[Errno 104] Connection reset by peer",
        f"{CALLED}org.apache.spark.SparkException: Job 3 cancelled because SparkContext was shut down",
        "Spark job 3 was cancelled: SparkContext was shutdown",
        f"{CALLED}java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext.",
        "[INVALID_HANDLE.SESSION_CHANGED] The existing Spark server driver instance has restarted.",
        "[INVALID_HANDLE.SESSION_NOT_FOUND] The handle x is invalid. Session not found.",
        "[INVALID_HANDLE.OPERATION_ABANDONED] The handle x is invalid. Operation was considered abandoned.",
        "[INVALID_HANDLE.OPERATION_NOT_FOUND] The handle x is invalid. Operation not found.",
        "status = StatusCode.UNAVAILABLE",
        "[RETRIES_EXCEEDED] The maximum number of retries has been exceeded.",
        "Answer from Java side is empty",
        "Error while sending or receiving",
        "Error while receiving",
    ],
    OutOfMemoryError: [
        f"{RECENT}Java heap space",
        f"{RECENT}GC overhead limit exceeded",
        "Traceback (most recent call last)\nMemoryError",
    ],
    OtherVersionError: ["[PYTHON_VERSION_MISMATCH] Python in worker has different version", "No module named 'polars'"],
    PermanentError: [
        f"{RECENT}org.apache.spark.SparkRuntimeException: x",
        f"{RECENT}org.apache.spark.SparkDateTimeException: x",
        f"{RECENT}org.apache.spark.SparkNumberFormatException: x",
        f"{RECENT}org.apache.spark.SparkArrayIndexOutOfBoundsException: x",
        "status = StatusCode.PERMISSION_DENIED",
        "java.nio.file.AccessDeniedException: s3a://b/t",
        "S3Exception: x (Service: S3, Status Code: 401, Request ID: 1)",
        "S3Exception: x (Service: S3, Status Code: 403, Request ID: 1)",
        "S3Exception: InvalidAccessKeyId",
        "S3Exception: SignatureDoesNotMatch",
        "S3Exception: NoSuchBucket",
        "org.apache.hadoop.fs.s3a.UnknownStoreException: s3a://b/",
        f"{CALLED}Results are larger than spark.driver.maxResultSize",
    ],
    TransientError: [f"{RECENT}S3Exception: x (Service: S3, Status Code: 503, Request ID: 1)", "x"],
}
"""What each of them says by itself; nothing else in it gives its kind away."""


@pytest.mark.parametrize(("kind", "said"), [(kind, said) for kind, every in WORDS.items() for said in every])
def test_every_word_that_gives_a_kind_away(kind: type[Exception], said: str) -> None:
    assert type(as_ours(RuntimeError(said))) is kind


@pytest.mark.parametrize("error", [ConnectionResetError("x"), EOFError("x")])
def test_a_connection_that_ended_is_a_lost_process(error: Exception) -> None:
    assert type(as_ours(error)) is LostJobError


@pytest.mark.parametrize(
    "name",
    [
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
        "SparkRuntimeException",
        "UnsupportedOperationException",
    ],
)
def test_what_pyspark_refuses_is_permanent(name: str) -> None:
    """By its name alone: Spark is not needed here."""
    assert type(as_ours(type(name, (Exception,), {})("x"))) is PermanentError


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("x"),
        TypeError("cannot pickle '_thread.lock' object"),
        PicklingError("Can't pickle <lambda>"),
        ValueError("not a port"),
    ],
)
def test_what_cannot_be_handed_over_is_permanent(error: Exception) -> None:
    assert type(as_ours(error)) is PermanentError


REMOTE = SparkSettings(remote="sc://h:443/;token=hush-hush;use_ssl=true")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("status = StatusCode.UNAVAILABLE", TransientError),
        ("[RETRIES_EXCEEDED] The maximum number of retries has been exceeded.", TransientError),
        ("[JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number.", TransientError),
        ("All masters are unresponsive! Giving up.", TransientError),
        (f"{CALLED}java.lang.IllegalArgumentException: System memory 1 must be at least 2.", PermanentError),
        (f"{CALLED}org.apache.spark.SparkException: Could not parse Master URL: 'here'", PermanentError),
        ("[CANNOT_MODIFY_CONFIG] spark.executor.memory", PermanentError),
        (f"{CALLED}java.lang.NumberFormatException: Size must be specified as bytes", PermanentError),
        (f"{CALLED}java.lang.ClassNotFoundException: org.example.Listener", PermanentError),
        ("java.lang.UnsupportedClassVersionError: compiled by a more recent version of Java", PermanentError),
    ],
)
def test_why_there_is_no_session_says_whether_it_is_tried_again(said: str, kind: type[Exception]) -> None:
    error = not_started(RuntimeError(said), REMOTE)
    assert type(error) is kind
    assert "Spark does not start; expected: a session at sc://h:443; found: " in str(error)


@pytest.mark.parametrize("said", [f"no URL: {REMOTE.remote}", "tokenhush-hush: hush-hush is no pair"])
def test_why_there_is_no_session_names_no_token(said: str) -> None:
    assert "hush-hush" not in str(not_started(RuntimeError(said), REMOTE))


@pytest.mark.parametrize("kind", [FileNotFoundError, LostJobError])
def test_what_says_itself_what_is_wrong_passes_as_it_is(kind: type[Exception]) -> None:
    with pytest.raises(kind, match="as it was"), spark_failures():
        raise kind("as it was")
