"""Formats: what the files of a table are to be read as.

Belongs here: what a source of files asks of a format.
Does not: any single one, or which files there are.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.source import LineReader
from medallion_assets.contracts.table import Table
from medallion_assets.sources.records import RecordColumns


class Format(Protocol):
    """What a file is to be read as."""

    @property
    def rules(self) -> str:
        """What of it decides rows, as a text that changes with it."""
        ...

    def records(
        self, store: ObjectStore, key: str, required: Sequence[str]
    ) -> Generator[tuple[tuple[str, ...], pl.Series]]:
        """The columns of a file and its records, block by block; `required` are the columns that it must have."""
        ...

    def reader(self, table: Table, columns: RecordColumns) -> LineReader:
        """A reader of its records."""
        ...

    def canonical(self, record: str) -> str:
        """One text for all records that say the same."""
        ...

    def spelled(self, text: str) -> str:
        """How a text stands in a record."""
        ...
