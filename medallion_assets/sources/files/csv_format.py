"""CSV as a format of files: what a user declares of it, and what a header has to say.

Belongs here: headers and their verdicts; putting text, records and columns together.
Does not: cutting text, or what a record says.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.table import Table
from medallion_assets.sources.files.csv_fields import Fields
from medallion_assets.sources.files.csv_lines import CsvLines
from medallion_assets.sources.files.csv_records import CsvText
from medallion_assets.sources.files.packed import unpacked
from medallion_assets.sources.files.verdicts import FileRefusedError, FileVerdict
from medallion_assets.sources.records import RecordColumns

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Csv:
    r"""Text of records with a header, as RFC 4180 has it: UTF-8, lines that end in `\n` or `\r\n`, quotes doubled.

    `ends_with_line_end`: whoever writes the files ends the last record with a line end as well, so that a file without
    one was cut off, wherever that was.
    """

    delimiter: str = ","
    ends_with_line_end: bool = False

    @property
    def rules(self) -> str:
        """What of it decides rows, as a text that changes with it."""
        return f"csv {self.delimiter!r}"

    def records(
        self, store: ObjectStore, key: str, required: Sequence[str]
    ) -> Generator[tuple[tuple[str, ...], pl.Series]]:
        """The columns of a file and its records, block by block; of a file without records nothing.

        Raises:
            FileRefusedError: the file cannot be read, or has another header.
        """
        fields = Fields(self.delimiter)
        with closing(unpacked(store, key)) as chunks:
            text = CsvText(file=key, chunks=chunks, fields=fields, ends_with_line_end=self.ends_with_line_end)
            columns = self._columns(text.header(), key, required)
            for block in text.blocks(len(columns)):
                yield columns, block

    def reader(self, table: Table, columns: RecordColumns) -> CsvLines:
        """A reader of its records."""
        return CsvLines(table, Fields(self.delimiter), columns)

    def canonical(self, record: str) -> str:
        """One spelling of a record: its fields, quoted or not; an empty one is absent either way (rule F7)."""
        return json.dumps(Fields(self.delimiter).of(record))

    def spelled(self, text: str) -> str:
        """A text as it stands in quotes; without a quote in it, it stands there as it is."""
        return text.replace('"', '""')

    def _columns(self, header: str, file: str, required: Sequence[str]) -> tuple[str, ...]:
        columns = self._names(header, self.delimiter)
        missing = [name for name in required if name not in columns]
        others = [other for other in DELIMITERS if other != self.delimiter and other in header]
        for other in others if missing or len(columns) == 1 else ():
            if set(required) <= set(self._names(header, other)):
                expected = f"fields with {self.delimiter!r} between them"
                raise FileRefusedError(
                    FileVerdict.WRONG_DELIMITER,
                    file=file,
                    expected=expected,
                    found=f"a header that looks like {other!r}",
                )
        if missing:
            expected, found = f"a header with {', '.join(required)}", f"{header[:500]!r}, without {', '.join(missing)}"
            raise FileRefusedError(FileVerdict.WRONG_HEADER, file=file, expected=expected, found=found)
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise FileRefusedError(
                FileVerdict.DUPLICATE_COLUMN, file=file, expected="each column once", found=f"{', '.join(twice)} twice"
            )
        return columns

    @staticmethod
    def _names(header: str, delimiter: str) -> tuple[str, ...]:
        return tuple(name.strip() for name in Fields(delimiter).of(header))
