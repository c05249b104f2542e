"""Calls: work on Spark that a signal can end, and of which nothing goes on when it is ended or fails.

Belongs here: waiting for a call, and canceling it.
Does not: what its errors mean.

A call of Java cannot be left before it has ended: pyspark asks Java once more on its way out, over the connection that
the call has taken. So calls, and what cancels them, are in threads of their own, and a signal finds the caller waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any, Generic, TypeVar

from medallion_assets.engines.spark.failures import spark_failures

Result = TypeVar("Result")
CANCEL_SECONDS = 5.0
AGAIN_SECONDS = 0.1


def called(spark: Any, call: Callable[[], Result], *, cancel_seconds: float = CANCEL_SECONDS) -> Result:
    """What a call gives. One that is canceled is waited for `cancel_seconds`.

    Raises:
        MedallionError: what `spark_failures` raises.
    """
    calling = _Calling(call)
    try:
        with spark_failures():
            return calling.result()
    except BaseException:
        cancel(spark, calling.is_alive, cancel_seconds)
        raise


def in_a_thread(call: Callable[[], Result]) -> Result:
    """What a call gives, or raises, in a thread of its own."""
    return _Calling(call).result()


def cancel(spark: Any, goes_on: Callable[[], bool], seconds: float = CANCEL_SECONDS) -> None:
    """End what goes on in a session, if it answers: again while a call goes on, which may be about to become a job."""

    def interrupt() -> None:
        with suppress(Exception):  # the first error is the one to tell
            spark.interruptAll()

    until = time.monotonic() + seconds
    while True:
        thread = Thread(target=interrupt, name="spark-cancel", daemon=True)
        thread.start()
        thread.join(max(0.0, until - time.monotonic()))
        if not goes_on() or time.monotonic() > until:
            return
        time.sleep(AGAIN_SECONDS)


class _Calling(Thread, Generic[Result]):
    """The thread of a call."""

    def __init__(self, call: Callable[[], Result]) -> None:
        super().__init__(name="spark-call", daemon=True)
        self._call = call
        self._given: list[Result] = []
        self._raised: BaseException | None = None

    def run(self) -> None:
        try:
            self._given.append(self._call())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self._raised = error

    def result(self) -> Result:
        """Make the call, wait for it, and give or raise what it does."""
        self.start()
        self.join()
        if self._raised is not None:
            raise self._raised
        return self._given[0]
