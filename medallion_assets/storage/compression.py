"""Compression: the bytes of a gzip or zstd stream, unpacked in bounded memory.

Belongs here: members and frames that follow each other, and which streams are cut off or broken.
Does not: what the bytes mean, or the verdict on a file (a source).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from backports.zstd import ZstdDecompressor, ZstdError

from medallion_assets.storage.sizes import MEBIBYTE

PIECE_BYTES = 4 * MEBIBYTE
"""How much is unpacked at a time, however far it was packed."""
PACKED_BYTES = 16 * 1024
"""How much of a packed file is handed over at a time."""
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
GZIP_WINDOW = 31
"""Of zlib: 15 bits of window, with gzip's header and trailer."""


class BrokenStreamError(Exception):
    """A packed stream that is cut off (`is_truncated`) or broken; `found` says what is wrong with it."""

    def __init__(self, found: str, *, is_truncated: bool) -> None:
        super().__init__(found)
        self.found = found
        self.is_truncated = is_truncated


class _Member(Protocol):
    """One gzip member or zstd frame being unpacked."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def unpack(self, data: bytes) -> bytes:
        """At most PIECE_BYTES of text; what of `data` was not used is remembered."""
        ...

    @property
    def wants_more(self) -> bool: ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(GZIP_WINDOW)

    def unpack(self, data: bytes) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, PIECE_BYTES)

    @property
    def wants_more(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data


class _Zstd:
    def __init__(self) -> None:
        self._stream = ZstdDecompressor()

    def unpack(self, data: bytes) -> bytes:
        return self._stream.decompress(data, PIECE_BYTES)

    @property
    def wants_more(self) -> bool:
        return self._stream.needs_input

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data


def gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The text of a gzip stream of one or more members, in pieces of at most PIECE_BYTES.

    Raises:
        BrokenStreamError: it ends too early, or is no gzip from some byte on.
    """
    return _unpacked(chunks, _Gzip, "gzip")


def unzstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The text of a zstd stream of one or more frames, in pieces of at most PIECE_BYTES.

    Raises:
        BrokenStreamError: it ends too early, or is no zstd from some byte on.
    """
    return _unpacked(chunks, _Zstd, "zstd")


def _in_pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Small ones: what follows a member is copied for the next one, and there may be as many as a file has bytes."""
    for chunk in chunks:
        if len(chunk) <= PACKED_BYTES:
            yield chunk
        else:
            yield from (chunk[start : start + PACKED_BYTES] for start in range(0, len(chunk), PACKED_BYTES))


def _unpacked(chunks: Iterable[bytes], begin: Callable[[], _Member], what: str) -> Iterator[bytes]:
    left = _in_pieces(chunks)
    data = next(left, b"")
    is_first = True
    while data:
        member = begin()
        while not member.eof:
            if not data and member.wants_more and not (data := next(left, b"")):
                raise BrokenStreamError(f"the file ends inside its {what} stream", is_truncated=True)
            try:
                text = member.unpack(data)
            except (zlib.error, ZstdError) as error:
                after = "" if is_first else f", in what follows the first {what} stream"
                raise BrokenStreamError(f"{error}{after}", is_truncated=False) from None
            data = b""
            if text:
                yield text
        is_first = False
        data = member.unused_data or next(left, b"")
