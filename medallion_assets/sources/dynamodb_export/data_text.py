"""Data text: what is inside a data file, from its gzip bytes to lines of UTF-8, in bounded memory.

Belongs here: unpacking, counting lines, and which of the two is broken.
Does not: whether the bytes are those of the manifest, or the verdict.
"""

from __future__ import annotations

import codecs
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.storage.compression import GZIP_WINDOW
from medallion_assets.storage.stores import CHUNK_BYTES


class BrokenDataError(Exception):
    """What is wrong with the bytes of a data file."""

    def __init__(self, verdict: Verdict, found: str) -> None:
        super().__init__(found)
        self.verdict = verdict
        self.found = found


def opened(source: Path | bytes) -> BinaryIO:
    """A data file to read from: where it lies, or its bytes."""
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def text_if_short(source: bytes, *, at_most: int) -> bytes | None:
    """The text of a small data file; None when it is longer than `at_most` bytes, or its gzip stream is broken."""
    pieces, size = [], 0
    try:
        for piece in _inflate(source):
            pieces.append(piece)
            size += len(piece)
            if size > at_most:
                return None
    except BrokenDataError:
        return None
    return b"".join(pieces)


def lines_in(source: Path | bytes, *, chunk_bytes: int = CHUNK_BYTES) -> int:
    """The lines of a gzip file of UTF-8 text; a last line without a newline counts.

    Raises:
        BrokenDataError: TRUNCATED_GZIP, CORRUPT_GZIP, INVALID_UTF8.
    """
    lines, last = 0, b"\n"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for text in _inflate(source, chunk_bytes):
            decoder.decode(text)
            lines += text.count(b"\n")
            last = text[-1:]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise BrokenDataError(Verdict.INVALID_UTF8, f"{error.reason} after line {lines}") from None
    return lines if last == b"\n" else lines + 1


def _inflate(source: Path | bytes, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The text of a gzip file of one or more members, in chunks of at most so many bytes."""
    with opened(source) as file:
        data = file.read(chunk_bytes)
        while data:
            member = zlib.decompressobj(GZIP_WINDOW)
            while not member.eof:
                if not data:
                    raise BrokenDataError(Verdict.TRUNCATED_GZIP, "the file ends inside its gzip stream")
                try:
                    text = member.decompress(data, chunk_bytes)
                except zlib.error as error:
                    raise BrokenDataError(Verdict.CORRUPT_GZIP, str(error)) from None
                if text:
                    yield text
                data = member.unconsumed_tail or (member.unused_data if member.eof else file.read(chunk_bytes))
            data = data or file.read(chunk_bytes)
