"""Work: what an executor does with the items that it is handed.

Belongs here: from batches of pickled items to batches of pickled answers.
Does not: anything that runs on the driver.

An error of an item is its answer: the driver raises it as it was, and Spark does not repeat what cannot help. What
Spark repeats are items of processes that were lost. Where memory ran out, or a native library panicked, the process is
given up: another one may have what it lacks.
"""

from __future__ import annotations

import gc
import pickle
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any
from zipimport import zipimporter

import pyarrow as pa

from medallion_assets.engines.spark.versions import expect_same, module_missing
from medallion_assets.errors import PermanentError
from medallion_assets.errors.native import as_error

ANSWERS = pa.schema([("number", pa.int64()), ("answer", pa.binary())])


def answers(batches: Iterable[pa.RecordBatch], function: bytes, driver: dict[str, str]) -> Iterator[pa.RecordBatch]:
    """The answer of every item, each in a batch of its own. The function is read once: it has what all items share."""
    work = cache(lambda: pickle.loads(function))  # noqa: S301 - the driver's own
    for batch in batches:
        for number, item in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
            answer = _answer(work, item, driver)
            yield pa.record_batch([pa.array([number], pa.int64()), pa.array([answer], pa.binary())], schema=ANSWERS)
    forget_zips()
    freeze_modules()


def forget_zips() -> None:
    """Forget who imports from zips: whatever is imported stays, and the next import makes them again.

    A task of Spark begins with `importlib.invalidate_caches`, where each of them reads the whole directory of its zip:
    for the 12 of pyspark.zip that is more than half of what a small task takes.
    """
    for path, importer in list(sys.path_importer_cache.items()):
        if isinstance(importer, zipimporter):
            del sys.path_importer_cache[path]


def freeze_modules() -> None:
    """Take what modules hold out of collections of garbage, once for each number of modules.

    Spark collects after every task: with Polars, Arrow and pandas loaded that is three quarters of what a small task
    takes.
    """
    _freeze(len(sys.modules))


@cache
def _freeze(_modules: int) -> None:
    gc.collect()  # what is garbage by now would stay
    gc.freeze()


def _answer(work: Callable[[], Callable[[Any], Any]], item: bytes, driver: dict[str, str]) -> bytes:
    try:
        expect_same(driver)
        return _pickled((work()(pickle.loads(item)), None))  # noqa: S301 - the driver's own
    except ModuleNotFoundError as error:
        return _pickled((None, module_missing(error)))
    except BaseException as error:
        if (ours := as_error("an executor", error)) is not None:
            raise ours from None  # ends this process
        if not isinstance(error, Exception):
            raise
        error.add_note(f"on an executor: {''.join(traceback.format_exception(error))}")
        try:
            return _pickled((None, error))
        except Exception:  # noqa: BLE001 - an error that cannot be pickled
            return _pickled((None, PermanentError(repr(error), found="".join(error.__notes__))))


def _pickled(answer: Any) -> bytes:
    from pyspark.cloudpickle import dumps

    return bytes(dumps(answer))
