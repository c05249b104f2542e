"""Memory that ran out and panics become errors of ours: what they are for, a retry and a sensor can tell."""

from __future__ import annotations

import polars as pl
import pytest

from medallion_assets.delta.storage_errors import storage_errors
from medallion_assets.errors import OutOfMemoryError, PanicError, TransientError
from medallion_assets.errors.native import native_failures


def test_a_real_panic_is_an_exception_afterwards() -> None:
    said = r"silver\.things: a native library failed; found: PanicException: capacity overflow"
    with pytest.raises(PanicError, match=said), native_failures("silver.things"):
        pl.repeat(1, 2**61, eager=True)


def test_memory_that_python_is_refused_says_what_to_do() -> None:
    said = r"out of memory.*max_concurrent_runs.*POLARS_MAX_THREADS=1"
    with pytest.raises(OutOfMemoryError, match=said), native_failures("silver.things"):
        bytearray(2**62)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OSError(12, "Cannot allocate memory (os error 12)"), id="a file that cannot be mapped"),
        pytest.param(RuntimeError("can't start new thread"), id="a thread of Python"),
        pytest.param(
            pl.exceptions.PanicException('OS can\'t spawn worker thread: Os { code: 11, kind: "WouldBlock" }'),
            id="a thread of a native library",
        ),
        pytest.param(pl.exceptions.ComputeError("mmap failed (os error 12)"), id="in the words of Polars"),
    ],
)
def test_memory_is_told_by_its_words(error: BaseException) -> None:
    with pytest.raises(OutOfMemoryError), native_failures("silver.things"):
        raise error


def test_memory_that_looked_like_a_silent_storage_is_told() -> None:
    silent = TransientError("the storage did not answer")
    silent.__cause__ = OSError(12, "Cannot allocate memory (os error 12)")
    with pytest.raises(OutOfMemoryError), native_failures("silver.things"):
        raise silent


def test_other_errors_and_the_end_of_the_process_pass() -> None:
    for error in (ValueError("os error 2"), KeyboardInterrupt(), SystemExit(1)):
        with pytest.raises(type(error)) as raised, native_failures("silver.things"):
            raise error
        assert raised.value is error


def test_who_knows_best_what_was_worked_on_says_it() -> None:
    """The innermost; what is around it passes it on."""
    said = r"^silver\.things: out of memory; found: MemoryError: ; what to do"
    with pytest.raises(OutOfMemoryError, match=said), native_failures("this step"), native_failures("silver.things"):
        bytearray(2**62)


def test_a_panic_while_a_table_is_opened_fails_a_sensor_at_once() -> None:
    """As it is, no answer leaves the code server, and the daemon waits a minute for it."""
    with pytest.raises(PanicError), storage_errors("silver.things", "/somewhere"):
        raise pl.exceptions.PanicException("index out of bounds")
