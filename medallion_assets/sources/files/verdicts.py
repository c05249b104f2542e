"""Verdicts: the names of what can be wrong with a whole file, and what a person does about each.

Belongs here: the verdict, and the error that carries it.
Does not: finding out which one holds (the formats), or what is wrong with a single record (its reasons).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Self

from medallion_assets.contracts.source import ARCHIVED, BY_ACCESS, UNREADABLE, BatchRefusedError
from medallion_assets.storage.failures import UnreadableObjectError

_COPY_AGAIN = "copy the file again from its source; it is checked again as soon as it changes"
_WRITE_AGAIN = "have the file written again; it is checked again as soon as it changes"


class FileVerdict(StrEnum):
    """The judgement on one file (rule F1); `advice` is what a person does next. None is final: a file may change."""

    advice: str

    def __new__(cls, name: str, advice: str = _COPY_AGAIN) -> Self:
        """A verdict by the name that tables and commands know."""
        verdict = str.__new__(cls, name)
        verdict._value_, verdict.advice = name, advice
        return verdict

    FILE_MISSING = "file_missing"
    ARCHIVED = ARCHIVED, "restore the object from the archive; it is checked again automatically"
    UNREADABLE = UNREADABLE, "let this account read the object; it is checked again automatically"
    CHANGED_MEANWHILE = "changed_meanwhile", "nothing: the next run reads it as it is then"
    EMPTY_FILE = "empty_file"
    WRONG_COMPRESSION = (
        "wrong_compression",
        "name the file by what it is: .gz for gzip, .zst for zstd",
    )
    TRUNCATED_GZIP = "truncated_gzip"
    CORRUPT_GZIP = "corrupt_gzip"
    TRUNCATED_ZSTD = "truncated_zstd"
    CORRUPT_ZSTD = "corrupt_zstd"
    INVALID_UTF8 = "invalid_utf8", "have the file written in UTF-8"
    NUL_BYTE = "nul_byte", _WRITE_AGAIN
    LONE_CARRIAGE_RETURN = "lone_carriage_return", "have lines end in \\n or \\r\\n"
    WRONG_HEADER = "wrong_header", "move the file away if it is of another table; otherwise correct its columns"
    DUPLICATE_COLUMN = "duplicate_column", "have each column named once"
    WRONG_DELIMITER = "wrong_delimiter", "have the file written with the delimiter of its table, or declare another one"
    TRUNCATED = "truncated"
    RECORD_TOO_LONG = "record_too_long", "end each record with a newline; records of more than 16 MB are not supported"
    QUOTE_LEFT_OPEN = "quote_left_open", 'have quotes in values doubled (""), and each quoted value closed'
    NOT_PARQUET = "not_parquet"
    CORRUPT_PARQUET = "corrupt_parquet"
    UNKNOWN_PARTITION = "unknown_partition", "give the file the name of its partition, as the declaration has it"


class FileRefusedError(BatchRefusedError):
    """Nothing of a file is loaded, and why."""

    def __init__(
        self,
        verdict: FileVerdict,
        *,
        file: str,
        expected: object = None,
        found: object = None,
        do: str | None = None,
        state: str | None = None,
    ) -> None:
        super().__init__(
            verdict,
            f"file {file} refused: {verdict}",
            watched=file if verdict in BY_ACCESS else None,
            state=state,
            expected=expected,
            found=found,
            do=do or verdict.advice,
        )


@contextmanager
def reading(file: str) -> Iterator[None]:
    """A file that a store or disk refuses, or that is gone, is the fault of that file, and stops no other.

    Raises:
        FileRefusedError: FILE_MISSING, ARCHIVED, UNREADABLE.
    """
    try:
        yield
    except FileNotFoundError:
        raise FileRefusedError(FileVerdict.FILE_MISSING, file=file, expected="a file", found="none") from None
    except UnreadableObjectError as error:
        verdict = FileVerdict.ARCHIVED if error.is_archived else FileVerdict.UNREADABLE
        raise FileRefusedError(
            verdict, file=file, expected=error.expected, found=error.found, do=error.do, state=error.code
        ) from error
