"""An engine whose functions run in other processes of this machine, which know nothing but what they are handed."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import polars as pl

from medallion_assets.engines.engine import Answer, Item
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.remote import RemoteEngine


def processes(count: int) -> ProcessPoolExecutor:
    """Processes that begin with nothing of this one."""
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


@dataclass(frozen=True, kw_only=True)
class ProcessesEngine(RemoteEngine):
    """The remote engine, as another one has it, over processes here; it reads frames as Polars does."""

    pool: ProcessPoolExecutor
    name: str = "processes"
    processes: int = 2  # type: ignore[assignment]

    def run(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        calls = [pickle.dumps((function, item)) for item in items]
        yield from map(pickle.loads, self.pool.map(_called, calls))

    def scan(self, files: ParquetFiles) -> nw.LazyFrame[Any]:
        return nw.from_native(files.scan())

    def fetch(self, rows: nw.LazyFrame[Any]) -> pl.DataFrame:
        frame: pl.DataFrame = rows.to_native().collect(engine="streaming")
        return frame


def _called(call: bytes) -> bytes:
    function, item = pickle.loads(call)
    return pickle.dumps(function(item))
