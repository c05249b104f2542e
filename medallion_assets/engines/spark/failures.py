"""Failures: what Spark raises, as errors that say whether to try again and what to do.

Belongs here: what its words mean, classic or Connect.
Does not: errors of items, which are raised as they were.

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
from medallion_assets.errors.aws import names_a_refusing_key
from medallion_assets.settings.spark import SparkSettings

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
    "SparkRuntimeException",
    "UnsupportedOperationException",
}
"""What PySpark raises, classic or Connect, for work that fails each time."""
REFUSALS_OF_PYTHON = {"ModuleNotFoundError", "PicklingError", "TypeError", "ValueError"}
"""Of what is handed to Spark here: an item that cannot be pickled, or a value that is none."""
REFUSED = re.compile(
    r"org\.apache\.spark\.Spark(?:Runtime|Arithmetic|DateTime|NumberFormat|ArrayIndexOutOfBounds)Exception"
    r"|StatusCode\.(?:UNAUTHENTICATED|PERMISSION_DENIED)"
)
"""What a task says of work, or a server of a token, that is refused each time."""
REFUSED_BY_S3 = re.compile(
    r"AccessDenied|Status Code: 40[13]\b|InvalidAccessKeyId|SignatureDoesNotMatch|NoSuchBucket|UnknownStoreException"
)
CLOCK = "RequestTimeTooSkewed"
"""A refusal too, and one that passes when the clock is set."""
LIMIT = re.compile(r"(?:bigger than|exceeds max allowed:|larger than) (spark\.[\w.]+)")
CONNECT_LIMIT = re.compile(r"RESOURCE_EXHAUSTED.*message larger than max", re.DOTALL)
CONNECT_LIMIT_NAME = "spark.connect.grpc.maxInboundMessageSize"
NEVER_STARTS = re.compile(
    r"IllegalArgumentException|NumberFormatException|Could not parse Master URL|ClassNotFoundException"
    r"|UnsupportedClassVersionError|CANNOT_MODIFY"
)
"""What Java says of a configuration, or of itself, that no other attempt will like better."""
MEMORY = re.compile(r"MemoryError|Java heap space|GC overhead limit")
"""Of Python on an executor, or of Java."""
PANIC = "errors.PanicError"
"""What an executor raises (engines.spark.work)."""
PANIC_DO = "run it again; if it persists, `medallion verify --digests` says whether a file is damaged"
LOST = re.compile(
    r"ExecutorLostFailure|exited unexpectedly|Connection refused|Connection reset|SparkContext was shut ?down"
    r"|stopped SparkContext|SESSION_(?:CLOSED|CHANGED|NOT_FOUND)|OPERATION_(?:ABANDONED|NOT_FOUND)"
    r"|StatusCode\.UNAVAILABLE|RETRIES_EXCEEDED"
    r"|'JavaPackage' object is not callable|Answer from Java side is empty|Error while (?:sending or )?receiving"
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
        PermanentError: Spark refuses the work, or it is larger than a limit of Spark's.
        LostJobError: Spark processes ended without an error message.
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
        return PanicError("a native library failed on an executor, each time", found=found, do=PANIC_DO)
    if (limit := _limit(text)) is not None:
        return PermanentError(
            "data passed between Spark's processes is larger than Spark allows",
            expected=f"no more than {limit}",
            found=found,
            do=f"raise {limit} in MEDALLION_SPARK_CONF (a Connect server is given it at its start)",
        )
    if type(error).__name__ in REFUSALS or REFUSED.search(text) or is_refused_by_s3(text):
        return _refusal(found)
    if is_loss(error):
        return LostJobError(
            "a Spark process ended without an error message",
            found=found,
            do=f"it is retried; if it persists, it is most likely killed for its memory: {MEMORY_DO}",
        )
    if type(error).__name__ in REFUSALS_OF_PYTHON:
        return _refusal(f"{type(error).__name__}: {found}")
    return TransientError("Spark failed", found=found, do="see the logs of its driver and executors")


def not_started(error: Exception, settings: SparkSettings) -> MedallionError:
    """Why there is no session: a permanent error where each attempt would meet it, and never the token of a remote."""
    text = str(error)
    is_permanent = isinstance(as_ours(error), PermanentError) or NEVER_STARTS.search(text) is not None
    kind = PermanentError if is_permanent else TransientError
    return kind(
        "Spark does not start",
        expected=f"a session at {settings.where}",
        found=_without_token(_cause(text), settings),
        do="see what Java printed above, or the log of the server: Java 17 is needed, memory for it, and a "
        "MEDALLION_SPARK_CONF that suits this Spark",
    )


def loss_in(said: str) -> MedallionError | None:
    """The error for processes of Spark's that were lost, or lacked memory, in words that somebody else passes on."""
    error = RuntimeError(said)
    return as_ours(error) if MEMORY.search(said) or is_loss(error) else None


def is_refused_by_s3(said: str) -> bool:
    """Whether S3 refuses keys or rights, or has no such bucket: whoever asks again hears the same."""
    return (REFUSED_BY_S3.search(said) is not None or names_a_refusing_key(said)) and CLOCK not in said


def is_loss(error: Exception) -> bool:
    """Whether a process of Spark's is gone: an executor's, Java's on this machine, or the server."""
    return isinstance(error, ConnectionError | EOFError) or LOST.search(str(error)) is not None


def _refusal(found: str) -> PermanentError:
    do = "correct what it names (MEDALLION_SPARK_CONF, the keys or the role of Spark's processes), or report it"
    return PermanentError("Spark refuses the work", found=found, do=do)


def _limit(text: str) -> str | None:
    """The setting that something is too large for."""
    if (found := LIMIT.search(text)) is not None:
        return found[1]
    return CONNECT_LIMIT_NAME if CONNECT_LIMIT.search(text) else None


def _without_token(text: str, settings: SparkSettings) -> str:
    """What pyspark says of a URL, which it repeats as a whole or in parts."""
    parameters = (settings.remote or "").removeprefix(settings.where)
    for part in sorted(re.split(r"[/;=]", parameters), key=len, reverse=True):
        text = text.replace(part, "...") if len(part) > len("token") else text
    return text


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
