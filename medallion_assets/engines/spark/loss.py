"""Loss: a session whose Java, or whose server, is gone.

Belongs here: noticing it, and letting the next work start another session.
Does not: which error says so (engines.spark.failures), or starting one (engines.spark.session).

pyspark goes on with what it knows: without this, each repetition in this process would fail as the first did.
"""

# ruff: noqa: SLF001 - pyspark has no public way to forget a Java that is gone

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from medallion_assets.engines.spark.session import session

SESSION_LOST = re.compile(
    r"StatusCode\.UNAVAILABLE|RETRIES_EXCEEDED|Connection refused|Connection reset|SESSION_|OPERATION_"
)
"""In the words of a Connect client: the server is gone, or was started anew."""


def give_up_if_lost(spark: Any, said: str) -> None:
    """Forget a session that is lost; `said` is what the work on it failed with."""
    context = getattr(spark, "_sc", None)
    if context is not None:
        if not _is_alive(context):
            _give_up(spark)
            _give_up_java(context)
    elif SESSION_LOST.search(said):
        spark.release_session_on_close = False  # nobody would answer, for ten minutes
        _give_up(spark)


def _is_alive(context: Any) -> bool:
    try:
        return not context._jsc.sc().isStopped()
    except Exception:  # noqa: BLE001 - there are several for nobody answers
        return False


def _give_up(spark: Any) -> None:
    session.cache_clear()
    with suppress(Exception):
        spark.stop()


def _give_up_java(context: Any) -> None:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = SparkSession._activeSession = None
    java = context._gateway.proc
    if java is not None:
        java.kill()
        java.wait()
        SparkContext._gateway = SparkContext._jvm = None
