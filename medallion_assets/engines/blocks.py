"""Blocks: lines of any number, from any number of files, a bounded part at a time.

Belongs here: cutting a stream of lines, and working on a few blocks at a time.
Does not: what is done with a block.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import chain
from threading import Event

import polars as pl

from medallion_assets.contracts.columns import RAW
from medallion_assets.engines.engine import Answer, Bounds, Item
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.pieces import pieces

HALVED_ROWS = 20_000
"""Fewer lines are worked on faster than two threads begin."""
WORKERS = 4
"""So many blocks are worked on at a time, where there are threads for them: each takes some times its bytes."""


def threads() -> int:
    """How many threads keep Polars' own busy: much of what each does is one of these at a time, or Python itself."""
    return int(pl.thread_pool_size()) + 1


@dataclass(slots=True)
class Block:
    """Some lines, in parts, until they are taken: a loop over blocks then holds one of them, and not two.

    What is made of a block that `stays` may stay in memory: there is no other, or one more.
    """

    parts: list[pl.DataFrame]
    stays: bool = False

    def taken(self) -> pl.DataFrame:
        """The lines, in one chunk, as what looks at many columns row by row wants them; the block is empty then."""
        lines = pl.concat(self.parts, rechunk=True)
        self.parts = []
        return lines


def blocks_of(files: ParquetFiles, bounds: Bounds) -> Iterator[Block]:
    """The rows of files in `blocks`. Few files are open at a time: of each of many Polars would read some ahead.

    What would be one block, if not a small one, is two, which two threads work on.
    """
    rows = sum(files.rows)
    halved = HALVED_ROWS <= rows <= bounds.block_rows
    if halved:
        bounds = replace(bounds, block_rows=-(-rows // 2))
    for number, block in enumerate(blocks((part.scan() for part in files.parts(bounds.block_rows)), bounds)):
        block.stays = block.stays or (halved and number < 2)
        yield block


def blocks(lines: Iterable[pl.LazyFrame], bounds: Bounds) -> Iterator[Block]:
    """Lines in blocks of so many rows and bytes of `raw` at most (or one line); none if there are no lines.

    They are read once, one frame after the other, and hardly ahead of who takes them.
    """
    parts: list[pl.DataFrame] = []
    rows = size = 0
    is_first = True
    for batch in chain.from_iterable(some.collect_batches(lazy=True, engine="streaming") for some in lines):
        lengths = batch[RAW].str.len_bytes().fill_null(0)
        start = 0
        while start < batch.height:
            if parts and (rows == bounds.block_rows or size + int(lengths[start]) > bounds.block_bytes):
                full, parts, rows, size, is_first = Block(parts), [], 0, 0, False
                yield full
            left = batch[RAW].slice(start)
            _, height = next(pieces(left, rows=bounds.block_rows - rows, size=bounds.block_bytes - size))
            parts.append(batch.slice(start, height))
            rows += height
            size += int(lengths.slice(start, height).sum())
            start += height
    if rows:
        yield Block(parts, stays=is_first)


def in_turns(
    work: Callable[[Item], Answer], items: Iterable[Item], *, at_once: int | None = None
) -> Generator[Answer, None, None]:
    """The answers, in the order of the items: these are taken as threads get free, and one is ready beside them.

    So many are worked on `at_once`; by default a few. None is worked on any more once it is at its end, fails, or is
    closed.
    """
    workers = at_once or min(WORKERS, threads())
    ahead: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="blocks") as pool:
        try:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for left in ahead:
                left.cancel()


def _first_done(asked: Iterable[Future[Item]]) -> Future[Item]:
    """One that is done; of several that fail the one that the others were cancelled for."""
    first = next(iter(wait(asked, return_when=FIRST_COMPLETED).done))
    if not isinstance(first.exception(), CancelledError):
        return first
    failed = (each for each in wait(asked).done if each.exception() is not None)
    return next((each for each in failed if not isinstance(each.exception(), CancelledError)), first)


def side_by_side(givers: Sequence[Generator[Item, None, None]], is_over: Event) -> Generator[Item, None, None]:
    """What some generators give, as it comes: each goes on in a thread, one item ahead of who takes them.

    When one of them fails, or this is closed, `is_over` is set, which the others look at where they wait for long; all
    are closed.
    """
    with ThreadPoolExecutor(len(givers), thread_name_prefix="side-by-side") as pool:
        asked = {pool.submit(next, giver, None): giver for giver in givers}
        try:
            while asked:
                first = _first_done(asked)
                giver = asked.pop(first)
                if (item := first.result()) is not None:
                    asked[pool.submit(next, giver, None)] = giver
                    del first  # holds the item
                    yield item
        finally:
            is_over.set()
            wait(asked)
            for giver in givers:
                giver.close()
