"""CSV records: the text of a file, cut where records end, in bounded memory.

Belongs here: line ends, quotes that span lines, and what makes a whole file unreadable.
Does not: unpacking, headers, or the fields of a record.

A quote opens a quoted field only where a field begins; elsewhere it is a character like any other. So each line is one
of four: it ends outside of quotes or not, depending on where it began. Which lines end a record follows from these
without looking at one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import polars as pl

from medallion_assets.contracts.columns import RAW
from medallion_assets.sources.files.csv_fields import Fields
from medallion_assets.sources.files.verdicts import FileRefusedError, FileVerdict
from medallion_assets.storage.sizes import MEBIBYTE

LINE_ENDS = "lines that end in \\n or \\r\\n"
BOM = b"\xef\xbb\xbf"


@dataclass(kw_only=True)
class CsvText:
    """The text of a file, of which the header is taken first, and then the records.

    It is cut `block_bytes` at a time. A record of more than `most_record_bytes` would take in all that follows: a quote
    that nobody closed, or a file without line ends.
    """

    file: str
    chunks: Iterable[bytes]
    fields: Fields
    ends_with_line_end: bool = False
    block_bytes: int = 8 * MEBIBYTE
    most_record_bytes: int = 16 * MEBIBYTE
    records: int = 0
    _begun: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        self._left = iter(self.chunks)

    def header(self) -> str:
        """The first line, without a byte order mark.

        Raises:
            FileRefusedError: EMPTY_FILE, RECORD_TOO_LONG, INVALID_UTF8, NUL_BYTE, LONE_CARRIAGE_RETURN.
        """
        parts, size = [], 0
        while (chunk := next(self._left, None)) is not None:
            parts.append(chunk)
            if b"\n" in chunk:
                break
            self._expect_not_too_long(size := size + len(chunk))
        line, _, self._begun = b"".join(parts).removeprefix(BOM).partition(b"\n")
        line = line.removesuffix(b"\r")
        if not line.strip() and not self._begun:
            raise self._refused(FileVerdict.EMPTY_FILE, "a header, and records below it", f"{len(line)} bytes")
        self._expect_text(line)
        if b"\r" in line:
            raise self._refused(FileVerdict.LONE_CARRIAGE_RETURN, LINE_ENDS, "\\r in the first line")
        return line.decode()

    def blocks(self, columns: int) -> Iterator[pl.Series]:
        """The records below the header, as text without their line ends; empty lines are none.

        `columns` is how many fields a record has.

        Raises:
            FileRefusedError: RECORD_TOO_LONG, INVALID_UTF8, NUL_BYTE, LONE_CARRIAGE_RETURN, QUOTE_LEFT_OPEN, TRUNCATED.
        """
        for block, is_last in self._blocks():
            self._expect_no_nul(block)
            records = self._records(block, is_last=is_last, columns=columns)
            if records.len():
                self.records += records.len()
                yield records

    def _blocks(self) -> Iterator[tuple[bytes, bool]]:
        """Text up to a line end, and whether it is the last of the file; what a record lacks is put before the next."""
        parts, size = [self._begun], len(self._begun)
        line_size = 0  # since the last line end
        for chunk in self._left:
            parts.append(chunk)
            size += len(chunk)
            end = chunk.rfind(b"\n")
            line_size = len(chunk) + (line_size if end < 0 else -end - 1)
            self._expect_not_too_long(line_size)
            if size >= self.block_bytes and end >= 0:
                block, _, rest = b"".join(parts).rpartition(b"\n")
                parts, size = [], 0
                del chunk
                self._begun = b""
                yield block + b"\n", False
                parts, size = [self._begun, rest], len(self._begun) + len(rest)
        self._begun = b""
        yield b"".join(parts), True

    def _records(self, block: bytes, *, is_last: bool, columns: int) -> pl.Series:
        has_quotes = b'"' in block
        lines = self._lines(block, as_they_are=has_quotes and b"\r" in block)
        records = self._joined(lines, block, is_last=is_last) if has_quotes else lines
        if len(block) > self.most_record_bytes:
            self._expect_none_too_long(records)
        if block.count(b"\r") != block.count(b"\r\n"):
            self._expect_no_lone_carriage_return(records)
        if is_last and block and not block.endswith(b"\n") and records.len():
            self._expect_whole(str(records[-1]), columns)
        return records.filter(records != "")

    def _lines(self, block: bytes, *, as_they_are: bool) -> pl.Series:
        """The lines of a block; `as_they_are`: with a carriage return before their ends, which may be within quotes."""
        try:
            if as_they_are:
                return pl.Series(RAW, [block.removesuffix(b"\n").decode()]).str.split("\n").explode()
            if not block:
                return pl.Series(RAW, [], dtype=pl.String)
            return pl.scan_lines(block, name=RAW).collect().get_column(RAW)
        except (pl.exceptions.ComputeError, UnicodeDecodeError):
            raise self._invalid_utf8(block) from None

    def _joined(self, lines: pl.Series, block: bytes, *, is_last: bool) -> pl.Series:
        """Records of the lines; those of a record that the next block ends are put back."""
        ends = self.fields.ends_of_records(lines)
        whole = int(ends.arg_true()[-1]) + 1 if ends.any() else 0
        if whole < lines.len():
            if is_last:
                found = f"a quote that record {self.records + int(ends.sum()) + 1} opens and nothing closes"
                raise self._refused(FileVerdict.TRUNCATED, "a file that ends where a record does", found)
            left = lines.slice(whole)
            size = int(left.str.len_bytes().sum()) + left.len()
            if size > self.most_record_bytes:
                found = f"record {self.records + int(ends.sum()) + 1} has over {self.most_record_bytes} bytes"
                raise self._refused(FileVerdict.QUOTE_LEFT_OPEN, "each quote closed", found)
            self._begun = self._tail(block, left)
        lines, ends = lines.head(whole), ends.head(whole)
        if not ends.all():
            number = ends.cum_sum() - ends.cast(pl.UInt32)
            parts = pl.DataFrame({RAW: lines, "_number": number})
            lines = parts.group_by("_number", maintain_order=True).agg(pl.col(RAW).str.join("\n"))[RAW]
        return lines.str.strip_suffix("\r")

    def _tail(self, block: bytes, lines: pl.Series) -> bytes:
        """The bytes of the last lines of a block, as they came."""
        end = len(block)
        for _ in range(lines.len()):
            end = block.rfind(b"\n", 0, end - 1) + 1 if end else 0
        return block[end:]

    def _expect_not_too_long(self, size: int, *, before: int = 0) -> None:
        if size > self.most_record_bytes:
            found = f"over {self.most_record_bytes} bytes without one, after record {self.records + before}"
            raise self._refused(FileVerdict.RECORD_TOO_LONG, LINE_ENDS, found)

    def _expect_none_too_long(self, records: pl.Series) -> None:
        sizes = records.str.len_bytes()
        if (longest := sizes.arg_max()) is not None:
            self._expect_not_too_long(sizes[longest], before=longest)

    def _expect_text(self, line: bytes) -> None:
        try:
            line.decode()
        except UnicodeDecodeError:
            raise self._invalid_utf8(line) from None
        self._expect_no_nul(line)

    def _expect_no_nul(self, block: bytes) -> None:
        if b"\0" in block:
            raise self._refused(FileVerdict.NUL_BYTE, "text without NUL", f"one after record {self.records}")

    def _expect_no_lone_carriage_return(self, records: pl.Series) -> None:
        outside = records.str.replace_all(self.fields.quoted, "")
        lone = outside.str.contains("\r", literal=True)
        if lone.any():
            found = f"\\r within record {self.records + int(lone.arg_true()[0]) + 1}, outside of quotes"
            raise self._refused(FileVerdict.LONE_CARRIAGE_RETURN, LINE_ENDS, found)

    def _expect_whole(self, last: str, columns: int) -> None:
        """Rule F1: a last record without a line end is whole if nothing of it is seen to be missing."""
        found = len(self.fields.of(last))
        if self.ends_with_line_end or found < columns:
            do_expect = "a line end behind the last record" if self.ends_with_line_end else f"{columns} fields"
            what = f"a last record of {found} fields, without a line end"
            raise self._refused(FileVerdict.TRUNCATED, do_expect, what)

    def _invalid_utf8(self, block: bytes) -> FileRefusedError:
        try:
            block.decode()
        except UnicodeDecodeError as error:
            line = block.count(b"\n", 0, error.start) + 1
            found = f"{error.reason}, {line} lines after record {self.records}"
            return self._refused(FileVerdict.INVALID_UTF8, "UTF-8", found)
        return self._refused(FileVerdict.INVALID_UTF8, "UTF-8", f"other bytes after record {self.records}")

    def _refused(self, verdict: FileVerdict, expected: str, found: str) -> FileRefusedError:
        return FileRefusedError(verdict, file=self.file, expected=expected, found=found)
