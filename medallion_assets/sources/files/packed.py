"""Packed files: the bytes of a file, unpacked as its name and its first bytes say.

Belongs here: which packing a file has, and its verdicts.
Does not: unpacking, or the text.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator

from obstore.store import ObjectStore

from medallion_assets.sources.files.verdicts import FileRefusedError, FileVerdict, reading
from medallion_assets.storage.compression import GZIP_MAGIC, ZSTD_MAGIC, BrokenStreamError, gunzipped, unzstd
from medallion_assets.storage.stores import read_chunks

_MAGIC = {"gzip": GZIP_MAGIC, "zstd": ZSTD_MAGIC}
_NAMED = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_TEXT = "text that is not packed"


def unpacked(store: ObjectStore, key: str) -> Generator[bytes]:
    """The bytes of a file, in pieces.

    Raises:
        FileRefusedError: WRONG_COMPRESSION, TRUNCATED_GZIP, CORRUPT_GZIP, TRUNCATED_ZSTD, CORRUPT_ZSTD, or it cannot be
            read.
        TransientError: the store did not answer.
    """
    chunks = _chunks(store, key)
    first = next(chunks, b"")
    named = next((packing for ending, packing in _NAMED.items() if key.lower().endswith(ending)), _TEXT)
    packing = next((name for name, magic in _MAGIC.items() if first.startswith(magic)), _TEXT)
    if named != packing and (first or named != _TEXT):
        verdict = FileVerdict.WRONG_COMPRESSION if first else FileVerdict.EMPTY_FILE
        found = f"{packing}, beginning with {first[:8].hex(' ')}" if first else "0 bytes"
        raise FileRefusedError(verdict, file=key, expected=f"{named}, as its name says", found=found)
    every = itertools.chain([first], chunks)
    if packing == _TEXT:
        yield from every
        return
    try:
        yield from gunzipped(every) if packing == "gzip" else unzstd(every)
    except BrokenStreamError as broken:
        verdict = FileVerdict(f"{'truncated' if broken.is_truncated else 'corrupt'}_{packing}")
        raise FileRefusedError(verdict, file=key, expected=f"a whole {packing} stream", found=broken.found) from None


def _chunks(store: ObjectStore, key: str) -> Iterator[bytes]:
    with reading(key):
        yield from read_chunks(store, key)
