"""A stage's own time limit, kept in the process that does its work, whatever started its run.

Belongs here: interrupting a stage at its limit, and ending the process of one that cannot be interrupted.
Does not: how long a stage may take, or the limit of a run, which Dagster's run monitoring keeps.

A signal interrupts Python: waits, requests, loops. It does not interrupt a call of a native library; a thread that
watches then says of the run that it failed, and ends the process, if it was made for that run. That is safe at any
moment: a commit is whole or not made.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self, TypeVar

import dagster as dg

from medallion_assets.contracts.policies import Limits
from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.operations.tables.pipeline_runs import TIME_LIMIT
from medallion_assets.orchestration.dagster_tags import MAX_RETRIES
from medallion_assets.orchestration.hidden_tags import tag_run
from medallion_assets.orchestration.runs.ends import note_kind
from medallion_assets.orchestration.runs.locks import noted
from medallion_assets.orchestration.runs.run_limits import restarts_of
from medallion_assets.orchestration.runs.whereabouts import folder_of

GRACE_SECONDS = 30.0
"""How long a stage that is interrupted may take to release what it holds, and a native call to return."""
AGAIN_SECONDS = 10.0
"""A stage that works on all the same is interrupted again: a signal can reach another thread than the one that waits,
and what it raises in a destructor is lost."""
EXIT_CODE = 124
"""Of a process that is ended for it, as that of timeout(1)."""
DO = "see in the run's log what took so long; raise time_limit_seconds in the table's declaration if it may"
Item = TypeVar("Item")


class StageTimeError(PermanentError):
    """A stage took longer than it may, and is not tried again."""

    kind = TIME_LIMIT


class StageTimeAgainError(TransientError):
    """A stage took longer than it may, and is tried again, as its declaration says."""

    kind = TIME_LIMIT


class _OutOfTimeError(KeyboardInterrupt):
    """Raised in the midst of the work: libraries cancel what they do, and no `except Exception` takes it for theirs."""


def out_of_time(where: str, limits: Limits) -> StageTimeError | StageTimeAgainError:
    """What is said of a stage with these limits that took longer; the type says whether it is tried again."""
    kind = StageTimeAgainError if limits.retry_on_timeout else StageTimeError
    expected = f"at most {limits.time_limit_seconds:,.0f} s"
    return kind("took longer than its time limit", where=where, expected=expected, do=DO)


class StageLimit:
    """While this block runs, the time of a stage is measured; what is `kept` or `heard` in it ends at its limit.

    Only the main thread of a process can be interrupted: work in another one has no limit here. A stage that works on
    is interrupted every `again_seconds`, and its process ended after every `grace_seconds`.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        stage: str,
        limits: Limits,
        *,
        grace_seconds: float = GRACE_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        self._context = context
        self._grace_seconds, self._again_seconds = grace_seconds, again_seconds
        self._seconds, self._restarts = limits.time_limit_seconds, restarts_of(limits)
        self._error = out_of_time(stage, limits)
        self._is_heard = False
        self._has_rung = False
        self._is_over = threading.Event()
        self._ending = threading.RLock()
        self._former: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._former = signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
            threading.Thread(target=self._watch, name="stage-limit", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """In whatever thread a stage is dropped that was not carried out to its end, and whatever began meanwhile."""
        with self._ending:  # whatever was sent by then is heard while the handler is ours
            self._is_over.set()
        if threading.current_thread() is threading.main_thread() and self._is_ours:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._former)

    @property
    def _is_ours(self) -> bool:
        """Whether the timer is that of this stage, and not of one that began later."""
        return signal.getsignal(signal.SIGALRM) == self._ring

    def kept(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items; making the next one is interrupted. What Dagster does with one is not.

        Raises:
            StageTimeError: it took longer, and is not tried again.
            StageTimeAgainError: it took longer, and is tried again.
        """
        end = object()
        while True:
            with self.heard():
                item = next(items, end)
            if item is end:
                return
            yield item  # type: ignore[misc]

    @contextmanager
    def heard(self) -> Iterator[None]:
        """While this block runs, its work is interrupted at the limit; at once, if that has passed already.

        Raises:
            StageTimeError: it took longer, and is not tried again.
            StageTimeAgainError: it took longer, and is tried again.
        """
        try:
            self._is_heard = True
            self._expect_time_left()
            yield
        except _OutOfTimeError as interrupt:
            raise self._error from interrupt
        except Exception as error:
            if self._has_rung and error is not self._error:  # dbt, for one, calls an interrupt a lost connection
                raise self._error from error
            raise
        finally:
            self._is_heard = False

    def _expect_time_left(self) -> None:
        if self._has_rung:
            raise self._error

    def _ring(self, _signal: int, _frame: FrameType | None) -> None:
        self._has_rung = True
        if self._is_heard:
            raise _OutOfTimeError

    def _watch(self) -> None:
        """From the limit on: interrupt what goes on again and again, and end its process once it had its grace."""
        seconds, late = float(self._seconds), 0.0
        while not self._is_over.wait(seconds):
            if late >= self._grace_seconds:
                late = 0.0
                if self._is_heard and is_of_a_run(self._context):
                    _end_process(self._context, str(self._error), self._restarts)
            if late:
                self._ring_again()
            seconds = min(self._again_seconds, self._grace_seconds - late)
            late += seconds

    def _ring_again(self) -> None:
        with self._ending:
            if not self._is_over.is_set() and self._is_ours:
                signal.pthread_kill(int(threading.main_thread().ident or 0), signal.SIGALRM)


def is_of_a_run(context: dg.AssetExecutionContext) -> bool:
    """Whether this process was made for a run, or a step of one: nobody else's work ends with it."""
    if multiprocessing.parent_process() is not None:
        return True
    worker = noted(folder_of(context.instance), context.run.run_id)
    return worker is not None and worker.is_worker and worker.pid == os.getpid()


def _end_process(context: dg.AssetExecutionContext, why: str, restarts: int) -> None:
    """Say of the run that it failed, and end this process, whatever its main thread does.

    The run starts anew as often as this stage declares, whatever others of it do. Where each step has a process of its
    own, this is one of these: the run goes on, and its exit code tells why it ended.
    """
    try:
        if multiprocessing.parent_process() is None:
            tag_run(context.instance, context.run, {MAX_RETRIES: str(restarts)})
            note_kind(context.instance, context.run, TIME_LIMIT)
            context.instance.report_run_failed(context.run, f"{why}; its process did not stop, and was ended")
        else:
            context.instance.report_engine_event(f"{why}; the step's process did not stop, and is ended", context.run)
    finally:
        os._exit(EXIT_CODE)
