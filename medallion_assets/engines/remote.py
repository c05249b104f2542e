"""Remote engines: work items in other processes, on this machine or on others; data moves as files.

Belongs here: what becomes an item, for every verb of an engine.
Does not: how items get to a process and answers come back (`run`), or what the functions do.

An item is small: paths, and where to begin and end. What all items of a job read, such as the parts that groups are
taken from, is in its function, which is not handed over with each of them. What a function reads it reads itself, and
what it makes lies in the workspace or beside the table's files before its answer names it. So of a process that was
lost, or that another one was faster than, there is nothing but files that nobody names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import polars as pl

from medallion_assets.engines.aside import TRAVELLING_BYTES, Aside, Place
from medallion_assets.engines.blocks import blocks
from medallion_assets.engines.engine import Answer, Bounds, Item, PutAside
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.pieces import in_order_of_group, of_group, of_noted_group
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.storage.shared_workspace import shared_workspace
from medallion_assets.storage.sizes import MEBIBYTE

BOUNDS = Bounds(
    block_rows=125_000,
    block_bytes=48 * MEBIBYTE,
    group_rows=250_000,
    group_bytes=32 * MEBIBYTE,
    days_rows=200_000,
    keys=1_000_000,
    hashes=5_000_000,
    commit_rows=5_000_000,
    delivery_rows=500_000,
)
"""What a process with a gigabyte holds; of small exports many are settled together, for a round has its price."""
LEAST_ROWS = 20_000
"""Fewer lines than this are not worth a process of their own."""


@dataclass(frozen=True, kw_only=True)
class RemoteEngine(ABC):
    """The verbs over `run`."""

    bounds: Bounds = field(default=BOUNDS)
    travelling_bytes: int = TRAVELLING_BYTES

    @property
    @abstractmethod
    def processes(self) -> int:
        """How many items they work on at a time, as far as that is known."""

    @abstractmethod
    def run(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """The answers of items, each of some process, in the order of the items."""

    @property
    def here(self) -> PolarsEngine:
        """Polars, in this process."""
        return PolarsEngine()

    @contextmanager
    def workspace(self, beside: Place) -> Iterator[Place]:
        """A place beside the tables: whoever reaches these reaches it."""
        with shared_workspace(beside.url, beside.storage_options) as url:
            yield Place(url, beside.storage_options)

    def memory_or(self, folder: Place) -> Place:
        """No memory is shared."""
        return folder

    def map_items(
        self,
        function: Callable[[Item], Answer],
        items: Iterable[Item],
        *,
        are_large: bool = False,  # noqa: ARG002
    ) -> Iterator[Answer]:
        """Each in a process; it works on one at a time anyway."""
        yield from self.run(function, list(items))

    def map_blocks(
        self, function: Callable[[pl.DataFrame, PutAside], Answer], files: ParquetFiles, *, folder: Place | None = None
    ) -> Generator[Answer, None, None]:
        """Slices of the lines, each read by its process in blocks."""
        work = partial(_work_on_slice, function=function, bounds=self.bounds, aside=self._aside(folder))
        yield from chain.from_iterable(self.run(work, _slices(files, self.bounds.block_rows, self.processes)))

    def map_groups(
        self,
        function: Callable[[list[pl.DataFrame], PutAside], Answer],
        frames: Sequence[Sequence[pl.LazyFrame]],
        *,
        by: Sequence[str],
        groups: int,
        folder: Place | None = None,
    ) -> Iterator[Answer]:
        """Each group in a process, which reads it from all parts; many groups from parts that were sorted by group."""
        parts = [part for frame in frames for part in frame]
        is_noted = groups > 2 and folder is not None
        if is_noted:
            parts = list(self.run(partial(_sort_by_group, by=by, groups=groups, aside=Aside(folder)), parts))
        given = iter(parts)
        frames = [[next(given) for _ in frame] for frame in frames]
        exchanged = _Groups(frames, by, groups, is_noted)
        work = partial(_work_on_group, of=exchanged, function=function, aside=self._aside(folder))
        yield from self.run(work, range(groups))

    def _aside(self, folder: Place | None) -> Aside:
        return Aside(folder, memory_bytes=self.travelling_bytes)


@dataclass(frozen=True, slots=True)
class _Slice:
    """So many lines of some files, from a line on; None: all of them."""

    files: ParquetFiles
    start: int = 0
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class _Groups:
    """Frames whose rows are in so many groups; `is_noted`: its number stands beside each row."""

    frames: Sequence[Sequence[pl.LazyFrame]]
    by: Sequence[str]
    groups: int
    is_noted: bool

    def rows(self, frame: Sequence[pl.LazyFrame], number: int) -> pl.DataFrame:
        """Those of a frame that are in a group."""
        whole = pl.concat(frame)
        if self.is_noted:
            return of_noted_group(whole, number).collect(engine="streaming")
        return whole.filter(of_group(self.by, number, self.groups)).collect(engine="streaming")


def _work_on_slice(
    item: _Slice, *, function: Callable[[pl.DataFrame, PutAside], Answer], bounds: Bounds, aside: Aside
) -> list[Answer]:
    lines = item.files.scan().slice(item.start, item.rows)
    answers = [function(block.taken(), aside) for block in blocks([lines], bounds)]
    return answers or [function(lines.clear().collect(), aside)]


def _work_on_group(
    number: int, *, of: _Groups, function: Callable[[list[pl.DataFrame], PutAside], Answer], aside: Aside
) -> Answer:
    return function([of.rows(frame, number) for frame in of.frames], aside)


def _sort_by_group(part: pl.LazyFrame, *, by: Sequence[str], groups: int, aside: Aside) -> pl.LazyFrame:
    return aside(in_order_of_group(part, by, groups), is_sorted=True)


def _slices(files: ParquetFiles, most: int, processes: int, *, least: int = LEAST_ROWS) -> list[_Slice]:
    """The lines of files in slices: large files are cut, small ones are together, and each process has some."""
    counts = files.rows or tuple(files.of([path]).scan().select(pl.len()).collect().item() for path in files.paths)
    share = -(-sum(counts) // processes)
    rows = min(most, max(least, share))
    slices: list[_Slice] = []
    few: list[str] = []
    height = 0
    for path, count in zip(files.paths, counts, strict=True):
        if count > rows:
            one = files.of([path])
            slices += [_Slice(one, start, min(rows, count - start)) for start in range(0, count, rows)]
            continue
        if few and height + count > rows:
            slices.append(_Slice(files.of(few)))
            few, height = [], 0
        few.append(path)
        height += count
    if few or not slices:
        slices.append(_Slice(files.of(few)))
    return slices
