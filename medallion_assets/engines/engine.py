"""The engine: where work on data files runs, as the rooms above see it.

Belongs here: the few verbs, and what they promise.
Does not: how an engine keeps the promises, or what the work is (refining, deriving).

Data moves as files: a function is handed what it works on by path or as a block of bounded size, puts aside or writes
what it makes, and answers what the driver has to know. So the same functions can run in threads here and in processes
elsewhere, and each of them has to be local: to a row (`map_blocks`), to an item (`map_items`), to a key (`map_groups`).
Functions, items and answers can be pickled. Answers come as they are asked for. An engine never commits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import narwhals as nw
import polars as pl

from medallion_assets.engines.aside import Place
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.storage.sizes import MEBIBYTE

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much of a table is in memory at a time, whatever the table's size. Bytes are those of text.

    A block holds raw lines, a few of which are worked on at a time. A group holds all rows of some keys, or of a day,
    and some days that are made together hold about `days_rows`. Narrow rows are a key or a hash each.
    Of each day `held_of_day` rows at least are held where those of all days are written at a time.
    `commit_rows` are the records of exports that are settled together, where one export has not more, and
    `delivery_rows` those of one that are read by one process.
    """

    block_rows: int = 131_072
    block_bytes: int = 48 * MEBIBYTE
    group_rows: int = 1_000_000
    group_bytes: int = 128 * MEBIBYTE
    days_rows: int = 500_000
    held_of_day: int = 4_096
    keys: int = 2_000_000
    hashes: int = 10_000_000
    commit_rows: int = 500_000
    delivery_rows: int = 2**62


PutAside = Callable[[pl.DataFrame], pl.LazyFrame]
"""Puts rows where they do not burden the memory, and gives them back lazily, as often as they are asked for."""


class Engine(Protocol):
    """Runs local functions over data of any size, within its bounds."""

    @property
    def name(self) -> str:
        """What commits and people call it."""
        ...

    @property
    def bounds(self) -> Bounds:
        """How much is in memory at a time."""
        ...

    @property
    def processes(self) -> int:
        """How many items it works on at a time, as far as that is known."""
        ...

    @property
    def here(self) -> Engine:
        """The engine for tables in folders that only this machine reaches."""
        ...

    def workspace(self, beside: Place) -> AbstractContextManager[Place]:
        """An empty place that its functions reach, removed on leaving; `beside` is where the lakehouse lies."""
        ...

    def memory_or(self, folder: Place) -> Place | None:
        """Where rows are put aside that would fit in memory: nowhere, where functions share it with the caller."""
        ...

    def scan(self, files: ParquetFiles) -> nw.LazyFrame[Any]:
        """The rows of data files, lazily, for the expressions of a transform."""
        ...

    def fetch(self, rows: nw.LazyFrame[Any]) -> pl.DataFrame:
        """Small results, here, typed as the engine types them: a base that days share, some days of Gold."""
        ...

    def map_items(
        self, function: Callable[[Item], Answer], items: Iterable[Item], *, are_large: bool = False
    ) -> Iterator[Answer]:
        """The answer of each item, in their order. Of items that `are_large` a process works on one at a time."""
        ...

    def map_blocks(
        self, function: Callable[[pl.DataFrame, PutAside], Answer], files: ParquetFiles, *, folder: Place | None = None
    ) -> Generator[Answer, None, None]:
        """The answer of each block of the lines (column `raw`) in some files; of no lines, that of one without rows.

        What is put aside lives as long as `folder`; without one it stays in memory. Who does not take all answers
        closes them before the folder goes: blocks are worked on ahead of who asks.
        """
        ...

    def map_groups(
        self,
        function: Callable[[list[pl.DataFrame], PutAside], Answer],
        frames: Sequence[Sequence[pl.LazyFrame]],
        *,
        by: Sequence[str],
        groups: int,
        folder: Place | None = None,
    ) -> Iterator[Answer]:
        """The answers for the rows of several frames, exchanged so that all rows of a key are in one call.

        Each frame comes in parts, at least one. `groups` is how many calls it takes for each to be within the bounds
        (`groups_of`), at least one, if of no rows; `folder` as above. The list of frames is the function's: what it
        takes out of it is freed.
        """
        ...


def groups_of(*shares: tuple[int, int]) -> int:
    """Into how many groups something is cut, of which there is so much and of which so much may be in one."""
    return max(1, *(-(-amount // most) for amount, most in shares))


def in_groups(items: Iterable[Item], size: Callable[[Item], int], most: int, *, alone: int) -> Iterator[list[Item]]:
    """Items in their order, in groups that end with the item that brings them to so much.

    One that is larger than `alone` is a group of its own, whatever comes before it.
    """
    group: list[Item] = []
    held = 0
    for item in items:
        height = size(item)
        if group and height > alone:
            yield group
            group, held = [], 0
        group.append(item)
        held += height
        if held >= most or height > alone:
            yield group
            group, held = [], 0
    if group:
        yield group
