"""What a fast reader makes of lines, in the form of the exact reader, and what that one makes of them.

Belongs here: the two forms, for the contract of the decoding tests, and mutating a line.
Does not: lines to read (refining.typing.decoding).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

import polars as pl

from medallion_assets.contracts.source import wrong
from medallion_assets.sources.dynamodb_export.record import Record, RecordReader, attributes_of
from medallion_assets_tests.refining.typing.decoding import VISITS

ATTRIBUTES = attributes_of(VISITS)
EXACT = RecordReader(ATTRIBUTES)
CHARACTERS = 'aé😀 "\\{}[]:,SN0\x00\n\x1f\x7f\x80\u2028'


def record_of(row: dict[str, Any]) -> Record:
    """A row of a fast reader."""
    return Record(
        row["_verdict"],
        row["_is_full"],
        row["_is_delete"],
        row["_sequence"],
        row["_unknown_attributes"],
        [row[attribute.column] for attribute in ATTRIBUTES],
        [row[wrong(attribute.column)] for attribute in ATTRIBUTES],
    )


class Reader(Protocol):
    """What reads the lines that are of its kind, and leaves the others."""

    def read(self, rows: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.DataFrame]: ...


def read_by(reader: Reader, lines: list[str]) -> dict[int, Record]:
    """What a reader makes of the lines that are its own, by their number; each line is read or left."""
    rows = pl.DataFrame({"_line": pl.Series(lines, dtype=pl.String)}).with_row_index("_row")
    parts, left = reader.read(rows)
    found = {row["_row"]: record_of(row) for part in parts for row in part.iter_rows(named=True)}
    assert sorted([*found, *left["_row"]]) == list(range(len(lines)))
    return found


def exactly(line: str) -> Record:
    """What the exact reader says."""
    record = EXACT.read(line)
    return record._replace(values=list(record.values), wrong=list(record.wrong))


def mutated(line: str, random: Random) -> str:
    """The line with some characters taken out, put in, or doubled."""
    for _ in range(random.randrange(1, 4)):
        start = random.randrange(len(line) + 1)
        stop = min(len(line), start + random.randrange(4))
        text = random.choice(("", line[start:stop] * 2, random.choice(CHARACTERS), random.choice(('"}', '{"S":"'))))
        line = line[:start] + text + line[stop:]
    return line


def check_mutated(lines: list[str], random: Random, learnt: Callable[[list[str]], Reader]) -> None:
    """What a reader that learns from the first lines makes of them all, of which many were mutated meanwhile."""
    changed = [mutated(line, random) if random.random() < 0.7 else line for line in lines]
    found = read_by(learnt(lines[:200]), changed)
    assert len(found) > 300
    assert sum(changed[n] != lines[n] for n in found) > 20
    assert found == {n: exactly(changed[n]) for n in found}
