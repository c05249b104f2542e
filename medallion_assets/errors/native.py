"""What the native libraries (Polars, delta-rs, obstore) do when they cannot go on, as errors of ours.

Belongs here: memory that ran out while somebody is left to say so, and panics.
Does not: a process that was killed or aborted for it, which is the usual case: Dagster notices that it is gone.

A panic reaches Python as an exception that is no `Exception`: each library has a class of its own for it, below
BaseException. What handles failures (retries, sensors, the row of an attempt) would take it for the end of the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from medallion_assets.errors import MedallionError, OutOfMemoryError, PanicError

PANIC = "PanicException"
NO_MEMORY = re.compile(r"\bos error 12\b|can't start new thread")
"""In the words of Linux and Python; a thread that cannot be started lacks memory for its stack, or a process id."""
NO_MEMORY_IN_A_PANIC = re.compile(r"\bos error 1[12]\b|memory allocation|spawn (?:worker )?thread")
DO = (
    "give the host, container or unit more memory, or need less: fewer runs at a time (max_concurrent_runs in "
    "dagster.yaml), fewer threads (POLARS_MAX_THREADS=1), fewer days of Gold in a run. Nothing of this attempt is in "
    "the table; the next run does it again"
)


@contextmanager
def native_failures(where: str) -> Iterator[None]:
    """Turn memory that ran out, and panics, into errors of ours; `where` is what was worked on: a table, say.

    Both are permanent for this process: what it holds stays held, and after a panic its libraries may be left in any
    state. A trigger asks again with another process.

    Raises:
        OutOfMemoryError: an allocation was refused, and Python heard of it.
        PanicError: a native library panicked for another reason.
    """
    try:
        yield
    except BaseException as error:
        if (ours := as_error(where, error)) is not None:
            raise ours from error
        raise


def as_error(where: str, error: BaseException) -> MedallionError | None:
    """The error of ours for a native failure; None for any other, which says itself what is wrong."""
    if isinstance(error, (OutOfMemoryError, PanicError)):
        return None
    found = f"{type(error).__name__}: {error}"
    if any(_is_no_memory(cause) for cause in _causes(error)):
        return OutOfMemoryError("out of memory", where=where, found=found, do=DO)
    if is_panic(error):
        return PanicError(
            "a native library failed",
            where=where,
            found=found,
            do="run it again; if it persists, `medallion verify --digests` says whether a file is damaged",
        )
    return None


def is_panic(error: BaseException) -> bool:
    """Whether it is the panic of a library that is written in Rust."""
    return not isinstance(error, Exception) and type(error).__name__ == PANIC


def _is_no_memory(error: BaseException) -> bool:
    words = NO_MEMORY_IN_A_PANIC if is_panic(error) else NO_MEMORY
    return isinstance(error, MemoryError) or words.search(str(error)) is not None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
