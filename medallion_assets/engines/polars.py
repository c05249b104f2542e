"""Polars: one process, its threads, and a folder for what does not fit into memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from medallion_assets.engines.blocks import blocks
from medallion_assets.engines.engine import Answer, Bounds, Item, PutAside
from medallion_assets.engines.files import Files
from medallion_assets.engines.pieces import of_group, spilled


@dataclass(frozen=True)
class PolarsEngine:
    """Polars and its threads, in this process."""

    bounds: Bounds = field(default_factory=Bounds)

    def scan(self, files: Files) -> nw.LazyFrame[Any]:
        """The rows, as a Polars frame that Narwhals wraps."""
        return nw.from_native(files.scan())

    def fetch(self, rows: nw.LazyFrame[Any]) -> pl.DataFrame:
        """All of them."""
        frame: pl.DataFrame = rows.to_native().collect(engine="streaming")
        return frame

    def map_items(
        self, function: Callable[[Item], Answer], items: Iterable[Item], *, at_once: int | None = None
    ) -> Iterator[Answer]:
        """In as many threads as Polars has: most of an item's work is Polars'."""
        threads = pl.thread_pool_size() if at_once is None else at_once
        if threads == 1:
            yield from map(function, items)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(function, items)

    def map_blocks(
        self, function: Callable[[pl.DataFrame, PutAside], Answer], files: Files, *, folder: Path | None = None
    ) -> list[Answer]:
        """One block after the other: Polars works on each with all its threads. One alone stays in memory."""
        lines, aside = files.scan(), _aside(folder)
        answers = [
            function(block.taken(), pl.DataFrame.lazy if block.is_all else aside)
            for block in blocks(lines, self.bounds)
        ]
        return answers or [function(lines.clear().collect(), pl.DataFrame.lazy)]

    def map_groups(
        self,
        function: Callable[[Sequence[pl.DataFrame], PutAside], Answer],
        frames: Sequence[pl.LazyFrame],
        *,
        by: Sequence[str],
        groups: int,
        folder: Path | None = None,
    ) -> list[Answer]:
        """One group after the other, each read from the frames by the hash of its keys. One alone stays in memory."""
        aside = _aside(folder if groups > 1 else None)
        return [
            function([rows.filter(of_group(by, number, groups)).collect(engine="streaming") for rows in frames], aside)
            for number in range(groups)
        ]


def _aside(folder: Path | None) -> PutAside:
    return pl.DataFrame.lazy if folder is None else _Aside(folder)


@dataclass(frozen=True)
class _Aside:
    """Files in a folder, which other calls put files into as well."""

    folder: Path

    def __call__(self, rows: pl.DataFrame) -> pl.LazyFrame:
        return spilled(rows, self.folder / f"aside-{uuid.uuid4().hex}.parquet")
