"""A call of Spark, which nothing interrupts, is canceled when a signal ends the wait for it.

Spark is stood in for where its part does not count.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from threading import Event, current_thread, main_thread
from threading import enumerate as running
from typing import Any

import pytest

from medallion_assets.engines.spark.calls import called
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.engines.spark.session import session
from medallion_assets.errors import TransientError

PATIENCE_SECONDS = 60


class ToldToEndError(BaseException):
    """What Dagster and the remote entry point raise at a signal: no handler of errors may catch it."""


class Session:
    """One whose call goes on until it is canceled."""

    def __init__(self) -> None:
        self.canceled = Event()

    def interruptAll(self) -> None:  # noqa: N802 - as PySpark calls it
        self.canceled.set()


@pytest.fixture
def raising() -> Iterator[None]:
    def end(*_: object) -> None:
        raise ToldToEndError

    before = signal.signal(signal.SIGUSR1, end)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("raising")
def test_a_signal_ends_the_wait_and_the_work_is_canceled() -> None:
    spark = Session()
    callers: list[bool] = []

    def wait() -> None:
        callers.append(current_thread() is main_thread())
        os.kill(os.getpid(), signal.SIGUSR1)
        spark.canceled.wait(PATIENCE_SECONDS)

    with pytest.raises(ToldToEndError):
        called(spark, wait)
    assert spark.canceled.is_set()
    assert callers == [False], "a call in the caller's thread could not be left"


class Watched(Session):
    """A real one, which notes that it was canceled."""

    def __init__(self, real: Any) -> None:
        super().__init__()
        self.real = real

    def interruptAll(self) -> None:  # noqa: N802 - as PySpark calls it
        self.real.interruptAll()
        super().interruptAll()


@pytest.mark.usefixtures("raising")
def test_a_call_that_is_not_a_job_yet_is_canceled_once_it_is(spark: SparkEngine) -> None:
    """Canceled too early only, it would go on without its caller."""
    watched = Watched(session(spark.settings))

    def begin_late() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        watched.canceled.wait(PATIENCE_SECONDS)
        watched.real.range(10**12).selectExpr("max(id % 7)").collect()

    with pytest.raises(ToldToEndError):
        called(watched, begin_late, cancel_seconds=PATIENCE_SECONDS)
    assert not [thread for thread in running() if thread.name == "spark-call"]
    assert watched.real.sparkContext.statusTracker().getActiveJobsIds() == []


def test_what_is_left_of_work_that_failed_is_canceled() -> None:
    spark = Session()

    def fail() -> None:
        raise RuntimeError("as Spark says it")

    with pytest.raises(TransientError, match="as Spark says it"):
        called(spark, fail)
    assert spark.canceled.is_set()


def test_what_it_gives_comes_back() -> None:
    spark = Session()
    assert called(spark, lambda: None) is None
    assert called(spark, lambda: 7) == 7
    assert not spark.canceled.is_set()
