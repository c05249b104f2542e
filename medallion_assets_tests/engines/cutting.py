"""An engine that cuts and shuffles at random, and hands everything over as another process would get it.

What claims to be local to a row, to an item or to a key gives the same tables on it as on Polars.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import narwhals as nw
import polars as pl

from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.engine import Answer, Bounds, Item, PutAside
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.polars import PolarsEngine

MOST_GROUPS = 4


def small_bounds(records: int) -> Bounds:
    """So few records at a time that every table goes through several blocks, groups and passes."""
    return Bounds(
        block_rows=records,
        block_bytes=300 * records,
        group_rows=records,
        days_rows=records,
        held_of_day=1,
        group_bytes=60,
        keys=records,
        hashes=records,
    )


@dataclass(frozen=True)
class CuttingEngine:
    """Works in this process. Every choice is drawn from `choice`."""

    choice: random.Random
    bounds: Bounds = field(default_factory=lambda: replace(small_bounds(3), block_rows=1_000, block_bytes=300_000))

    name: str = "cutting"
    processes: int = 1

    @property
    def here(self) -> CuttingEngine:
        return self

    def workspace(self, beside: Place) -> AbstractContextManager[Place]:
        """As Polars has it."""
        return PolarsEngine().workspace(beside)

    def memory_or(self, folder: Place) -> Place | None:
        """Here or there."""
        return folder if self.choice.random() < 0.5 else None

    def scan(self, files: ParquetFiles) -> nw.LazyFrame[Any]:
        """Rows in any order: data files have none."""
        return nw.from_native(self._shuffled(files.scan().collect()).lazy())

    def fetch(self, rows: nw.LazyFrame[Any]) -> pl.DataFrame:
        """Rows in any order."""
        return self._shuffled(rows.to_native().collect())

    def map_items(
        self,
        function: Callable[[Item], Answer],
        items: Iterable[Item],
        *,
        are_large: bool = False,  # noqa: ARG002
    ) -> Iterator[Answer]:
        """In any order, and each with a copy of its item."""
        held = list(items)
        return self._in_any_order([partial(_elsewhere, function, item) for item in held])

    def map_blocks(
        self, function: Callable[[pl.DataFrame, PutAside], Answer], files: ParquetFiles, *, folder: Place | None = None
    ) -> Generator[Answer, None, None]:
        """Blocks of any height, of rows in any order."""
        lines = self._shuffled(files.scan().collect())
        cuts = sorted(self.choice.sample(range(lines.height + 1), k=min(lines.height, self.choice.randint(0, 5))))
        blocks = [
            lines.slice(start, stop - start) for start, stop in zip([0, *cuts], [*cuts, lines.height], strict=True)
        ]
        return self._in_any_order([partial(self._apart, function, block, folder) for block in blocks])

    def map_groups(
        self,
        function: Callable[[list[pl.DataFrame], PutAside], Answer],
        frames: Sequence[Sequence[pl.LazyFrame]],
        *,
        by: Sequence[str],
        groups: int,  # noqa: ARG002
        folder: Place | None = None,
    ) -> Iterator[Answer]:
        """Any keys in a group; some groups have none."""
        number, seed = self.choice.randint(1, MOST_GROUPS), self.choice.randint(0, 2**32)
        bucket = pl.struct(*by).hash(seed) % number
        wholes = [self._shuffled(pl.concat(frame).collect()) for frame in frames]
        groups_of_rows = [[whole.filter(bucket == each) for whole in wholes] for each in range(number)]
        return self._in_any_order([partial(self._apart, function, rows, folder) for rows in groups_of_rows])

    def _apart(self, function: Callable[[Any, PutAside], Answer], rows: Any, folder: Place | None) -> Answer:
        aside = Aside(folder if self.choice.random() < 0.5 else None)
        return _elsewhere(partial(_call, function, aside), rows)

    def _in_any_order(self, calls: Sequence[Callable[[], Answer]]) -> Generator[Answer, None, None]:
        answers: dict[int, Answer] = {}
        for number in self.choice.sample(range(len(calls)), k=len(calls)):
            answers[number] = calls[number]()
        return (answers[number] for number in range(len(calls)))

    def _shuffled(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.sample(fraction=1, shuffle=True, seed=self.choice.randint(0, 2**32))


def _elsewhere(function: Callable[[Item], Answer], item: Item) -> Answer:
    """The answer as another process would give it."""
    copied, its_item = pickle.loads(pickle.dumps((function, item)))
    answer: Answer = pickle.loads(pickle.dumps(copied(its_item)))
    return answer


def _call(function: Callable[[Any, PutAside], Answer], aside: PutAside, rows: Any) -> Answer:
    return function(rows, aside)
