"""Blocks: lines of any number, from any number of files, a bounded part at a time.

Belongs here: cutting a stream of lines.
Does not: what is done with a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.pieces import pieces


@dataclass(slots=True)
class Block:
    """Some lines, in parts, until they are taken: a loop over blocks then holds one of them, and not two."""

    parts: list[pl.DataFrame]
    is_all: bool = False

    def taken(self) -> pl.DataFrame:
        """The lines; the block is empty after that."""
        lines = pl.concat(self.parts, rechunk=False)
        self.parts = []
        return lines


def blocks(lines: pl.LazyFrame, bounds: Bounds) -> Iterator[Block]:
    """Lines in blocks of so many rows and bytes of `raw` at most (or one line); none if there are no lines.

    They are read once, from many files as from one, and hardly ahead of who takes them.
    """
    parts: list[pl.DataFrame] = []
    rows = size = 0
    is_first = True
    for batch in lines.collect_batches(lazy=True, engine="streaming"):
        lengths = batch["raw"].str.len_bytes()
        for start, height in pieces(batch["raw"], rows=bounds.block_rows, size=bounds.block_bytes):
            length = int(lengths.slice(start, height).sum())
            if parts and (rows + height > bounds.block_rows or size + length > bounds.block_bytes):
                full, parts, rows, size, is_first = Block(parts), [], 0, 0, False
                yield full
            parts.append(batch.slice(start, height))
            rows += height
            size += length
    if rows:
        yield Block(parts, is_all=is_first)
