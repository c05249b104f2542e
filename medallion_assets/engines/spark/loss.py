"""Loss: a session whose Java, or whose server, is gone.

Belongs here: noticing it, and leaving nothing of it, so that another one can be started.
Does not: when that is looked at, or starting one.

pyspark goes on with what it knows: without this, each repetition in this process would fail as the first did.
"""

# ruff: noqa: SLF001 - pyspark has no public way to forget a Java that is gone

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

SESSION_LOST = re.compile(
    r"StatusCode\.UNAVAILABLE|RETRIES_EXCEEDED|Connection refused|Connection reset|SESSION_|OPERATION_"
)
"""In the words of a Connect client: the server is gone, or was started anew."""


def is_lost(spark: Any) -> bool:
    """Whether nobody is there any more who would work for this session. It is asked, with one request."""
    context = getattr(spark, "_sc", None)
    if context is not None:
        return not _is_alive(context)
    if spark.is_stopped:
        return True
    try:
        spark.version  # noqa: B018 - each time a request
    except Exception as error:  # noqa: BLE001 - whatever else it is, work will meet it and say so
        return SESSION_LOST.search(str(error)) is not None
    return False


def give_up(spark: Any) -> None:
    """Stop a session of which something may be gone, and Java with it, where this process has started that."""
    is_classic = getattr(spark, "_sc", None) is not None
    if not is_classic:
        spark.release_session_on_close = False  # nobody would answer, for ten minutes
    with suppress(Exception):
        spark.stop()
    if is_classic:
        forget_java()


def forget_java() -> None:
    """Let the next session start another Java."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    gateway = SparkContext._gateway
    SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = SparkSession._activeSession = None
    if gateway is not None and (java := getattr(gateway, "proc", None)) is not None:
        java.kill()
        java.wait()
        SparkContext._gateway = SparkContext._jvm = None


def _is_alive(context: Any) -> bool:
    try:
        return not context._jsc.sc().isStopped()
    except Exception:  # noqa: BLE001 - there are several for nobody answers
        return False
