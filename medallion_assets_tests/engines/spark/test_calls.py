"""A call of Spark, which nothing interrupts, is canceled when a signal ends the wait for it. Spark is stood in for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from threading import Event, current_thread, main_thread

import pytest

from medallion_assets.engines.spark.calls import called
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
