"""A call of Spark, which nothing interrupts, is canceled when a signal ends the wait for it. Spark is stood in for."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from threading import Event

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
def alarm() -> Iterator[None]:
    def end(*_: object) -> None:
        raise ToldToEndError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("alarm")
def test_a_signal_ends_the_wait_and_the_work_is_canceled() -> None:
    spark = Session()
    with pytest.raises(ToldToEndError):
        called(spark, lambda: spark.canceled.wait(PATIENCE_SECONDS))
    assert spark.canceled.is_set()


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
