"""Line chunks: lines of any number, from any number of files, a bounded part at a time.

Belongs here: how much of them is in memory at once.
Does not: what is done with them (refining.judging, refining.redrive, operations.explain.key_records).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from medallion_assets.delta.pieces import pieces

CHUNK_RECORDS = 500_000
CHUNK_BYTES = 192 * 1024 * 1024
"""Records, and the bytes of their lines, that are in memory at a time."""


@dataclass(slots=True)
class Chunk:
    """Some lines, in parts, until they are taken: a loop over chunks then holds one of them, and not two."""

    parts: list[pl.DataFrame]
    is_all: bool = False

    def taken(self) -> pl.DataFrame:
        """The lines; the chunk is empty after that."""
        lines = pl.concat(self.parts, rechunk=False)
        self.parts = []
        return lines


def chunks(lines: pl.LazyFrame) -> Iterator[Chunk]:
    """Lines in chunks of at most CHUNK_RECORDS rows and CHUNK_BYTES of `raw` (or one line); none if there are none.

    They are read once, from many files as from one, and hardly ahead of who takes them.
    """
    parts: list[pl.DataFrame] = []
    rows = size = 0
    is_first = True
    for batch in lines.collect_batches(lazy=True, engine="streaming"):
        lengths = batch["raw"].str.len_bytes()
        for start, height in pieces(batch["raw"], rows=CHUNK_RECORDS, size=CHUNK_BYTES):
            length = int(lengths.slice(start, height).sum())
            if parts and (rows + height > CHUNK_RECORDS or size + length > CHUNK_BYTES):
                full, parts, rows, size, is_first = Chunk(parts), [], 0, 0, False
                yield full
            parts.append(batch.slice(start, height))
            rows += height
            size += length
    if rows:
        yield Chunk(parts, is_all=is_first)
