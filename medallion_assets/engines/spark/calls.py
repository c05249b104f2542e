"""Calls: work on Spark that a signal can end, and of which nothing goes on when it is ended or fails.

Belongs here: waiting for a call, and canceling it.
Does not: what its errors mean (engines.spark.failures).

A call of Java cannot be left before it has ended: pyspark asks Java once more on its way out, over the connection that
the call has taken. So calls, and what cancels them, are in threads of their own, and a signal finds the caller waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

from medallion_assets.engines.spark.failures import spark_failures

Result = TypeVar("Result")
CANCEL_SECONDS = 5.0


def called(spark: Any, call: Callable[[], Result]) -> Result:
    """What a call gives.

    Raises:
        MedallionError: what `spark_failures` raises.
    """
    try:
        with spark_failures():
            return in_a_thread(call)
    except BaseException:
        cancel(spark)
        raise


def in_a_thread(call: Callable[[], Result]) -> Result:
    """What a call gives, or raises, in a thread of its own."""
    outcome: list[tuple[list[Result], BaseException | None]] = []

    def run() -> None:
        try:
            outcome.append(([call()], None))
        except BaseException as error:  # noqa: BLE001 - raised below
            outcome.append(([], error))

    thread = Thread(target=run, name="spark-call", daemon=True)
    thread.start()
    thread.join()
    (result, error) = outcome[0]
    if error is not None:
        raise error
    return result[0]


def cancel(spark: Any) -> None:
    """End what goes on in a session, if it answers."""

    def interrupt() -> None:
        with suppress(Exception):  # the first error is the one to tell
            spark.interruptAll()

    thread = Thread(target=interrupt, name="spark-cancel", daemon=True)
    thread.start()
    thread.join(CANCEL_SECONDS)
