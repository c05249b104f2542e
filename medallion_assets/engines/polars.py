"""Polars: one process, its threads, and a folder for what does not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import polars as pl

from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.blocks import Block, blocks_of, in_turns, threads
from medallion_assets.engines.engine import Answer, Bounds, Item, PutAside
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.pieces import of_group
from medallion_assets.storage.workspace import workspace


@dataclass(frozen=True)
class PolarsEngine:
    """Polars and its threads, in this process."""

    bounds: Bounds = field(default_factory=Bounds)
    name: str = "polars"

    @property
    def processes(self) -> int:
        """Its threads."""
        return threads()

    @property
    def here(self) -> PolarsEngine:
        """It works on this machine anyway."""
        return self

    @contextmanager
    def workspace(self, beside: Place) -> Iterator[Place]:  # noqa: ARG002
        """A folder below the temporary folder of this machine."""
        with workspace() as folder:
            yield Place(str(folder))

    def memory_or(self, folder: Place) -> None:
        """In memory."""

    def scan(self, files: ParquetFiles) -> nw.LazyFrame[Any]:
        """The rows, as a Polars frame that Narwhals wraps."""
        return nw.from_native(files.scan())

    def fetch(self, rows: nw.LazyFrame[Any]) -> pl.DataFrame:
        """The rows in memory, computed piece by piece."""
        frame: pl.DataFrame = rows.to_native().collect(engine="streaming")
        return frame

    def map_items(
        self, function: Callable[[Item], Answer], items: Iterable[Item], *, are_large: bool = False
    ) -> Iterator[Answer]:
        """In a few threads: most of an item's work is Polars'."""
        if are_large:
            yield from map(function, items)
            return
        with ThreadPoolExecutor(threads()) as pool:
            yield from pool.map(function, items)

    def map_blocks(
        self, function: Callable[[pl.DataFrame, PutAside], Answer], files: ParquetFiles, *, folder: Place | None = None
    ) -> Generator[Answer, None, None]:
        """A few blocks at a time, in threads (`in_turns`). What is made of few lines stays in memory."""
        is_empty = True

        def work(block: Block) -> Answer:
            return function(block.taken(), Aside(None if block.stays else folder))

        with closing(in_turns(work, blocks_of(files, self.bounds))) as answers:
            for answer in answers:
                yield answer
                is_empty = False
        if is_empty:
            yield function(files.scan().clear().collect(), Aside(None))

    def map_groups(
        self,
        function: Callable[[list[pl.DataFrame], PutAside], Answer],
        frames: Sequence[Sequence[pl.LazyFrame]],
        *,
        by: Sequence[str],
        groups: int,
        folder: Place | None = None,
    ) -> Iterator[Answer]:
        """One group after the other, each read from the frames by the hash of its keys."""
        wholes = [pl.concat(parts) for parts in frames]
        for number in range(groups):
            chosen = of_group(by, number, groups)
            yield function([rows.filter(chosen).collect(engine="streaming") for rows in wholes], Aside(folder))
