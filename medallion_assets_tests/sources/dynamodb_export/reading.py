"""What a fast reader makes of lines, in the form of the exact reader, and what that one makes of them.

Belongs here: the two forms, for the contract of the decoding tests. Does not: lines to read (refining.typing.decoding).
"""

from __future__ import annotations

from typing import Any, Protocol

import polars as pl

from medallion_assets.contracts.source import wrong
from medallion_assets.sources.dynamodb_export.record import Record, RecordReader, attributes_of
from medallion_assets_tests.refining.typing.decoding import VISITS

ATTRIBUTES = attributes_of(VISITS)
EXACT = RecordReader(ATTRIBUTES)


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
