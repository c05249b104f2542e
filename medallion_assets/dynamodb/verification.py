"""Verification: whether an export is all there, byte for byte, before anything of it is parsed (rule B1).

Belongs here: data files (present, gzip, md5, lines), and the verdict on whole exports.
Does not: the manifests' own checks (dynamodb.exports); how windows join up (dynamodb.coverage); loading (bronze).
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from obstore.store import ObjectStore

from medallion_assets.dynamodb.coverage import Gap, open_gaps
from medallion_assets.dynamodb.exports import FoundExport, find_exports, read_export, unreadable_as_verdict
from medallion_assets.dynamodb.manifests import DataFile, Export
from medallion_assets.dynamodb.storage import CHUNK_BYTES, MISSING, local_path, open_store, unreadable
from medallion_assets.dynamodb.store_errors import UnreadableObjectError
from medallion_assets.dynamodb.verdicts import ExportRefusedError, Standing, Verdict

__all__ = [
    "ExportRefusedError",
    "Standing",
    "Verdict",
    "VerifiedExport",
    "check_lines",
    "count_lines",
    "expect_readable",
    "verified_file",
    "verify_all",
    "verify_export",
    "verify_file",
]

READERS = 16
GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib: 15 bits of window, with gzip's header and trailer


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedExport:
    """The verdict on one export.

    `items` and `files` count what verified. `export` is None when its manifests are not readable.
    `gap` is set by `verify_all` only: what is missing before this export's window.
    """

    found: FoundExport
    verdict: Verdict
    detail: ExportRefusedError | None
    export: Export | None
    items: int
    files: int
    gap: Gap | None = None

    @property
    def standing(self) -> Standing:
        """The verdict in one of five words."""
        return self.verdict.standing


class _BrokenStreamError(Exception):
    """What is wrong with the bytes of a data file."""

    def __init__(self, verdict: Verdict, found: str) -> None:
        super().__init__(found)
        self.verdict = verdict
        self.found = found


@contextmanager
def verified_file(store: ObjectStore, export: Export, data_file: DataFile) -> Iterator[Path]:
    """A local path whose bytes are those that the manifest names: there, not empty, gzip by its first bytes, md5 right.

    For a local store the file itself, for S3 a temporary download that is gone on leaving. Lines are not counted here:
    the caller does that while it parses, and asks `check_lines` for the name of what went wrong.

    Raises:
        ExportRefusedError: DATA_FILE_MISSING, ARCHIVED, UNREADABLE, EMPTY_DATA_FILE, NOT_GZIP, TRUNCATED_GZIP,
            DATA_FILE_MD5_MISMATCH.
        TransientError: the store did not answer.
    """
    with ExitStack() as stack:
        with unreadable_as_verdict(export.export_id, export.table_name):
            path = stack.enter_context(local_path(store, data_file.key))
        if path is None:
            raise _refused(
                Verdict.DATA_FILE_MISSING, export, data_file, f"a file of {data_file.item_count} items", None
            )
        _check_bytes(path, export, data_file)
        yield path


def count_lines(path: Path) -> int:
    """The lines of a gzip file of UTF-8 text, read in bounded memory; a last line without a newline counts.

    Raises:
        ExportRefusedError: TRUNCATED_GZIP, CORRUPT_GZIP, INVALID_UTF8 (of an export without a name: see `check_lines`).
    """
    try:
        return _count_lines(path)
    except _BrokenStreamError as broken:
        raise ExportRefusedError(broken.verdict, export_id="?", file=str(path), found=broken.found) from None


def check_lines(export: Export, data_file: DataFile, path: Path) -> int:
    """The lines of a data file, which must be its `itemCount`.

    Raises:
        ExportRefusedError: TRUNCATED_GZIP, CORRUPT_GZIP, INVALID_UTF8, LINE_COUNT_MISMATCH.
    """
    try:
        lines = _count_lines(path)
    except _BrokenStreamError as broken:
        raise _refused(broken.verdict, export, data_file, "gzip of UTF-8 text", broken.found) from None
    if lines != data_file.item_count:
        expected = f"{data_file.item_count} lines, the itemCount of the file list"
        raise _refused(Verdict.LINE_COUNT_MISMATCH, export, data_file, expected, f"{lines} lines")
    return lines


def verify_file(store: ObjectStore, export: Export, data_file: DataFile) -> int:
    """The lines of a data file that is as its manifest says.

    Raises:
        ExportRefusedError: see `verified_file` and `check_lines`.
        TransientError: the store did not answer.
    """
    with verified_file(store, export, data_file) as path:
        return check_lines(export, data_file, path)


def expect_readable(store: ObjectStore, export: Export) -> None:
    """See that every data file can be read, by a request for one byte of each: before all are fetched once more.

    Raises:
        ExportRefusedError: ARCHIVED, UNREADABLE, naming the last such file: it is the one to wait for.
        TransientError: the store did not answer.
    """

    def refused(data_file: DataFile) -> UnreadableObjectError | None:
        return unreadable(store, data_file.key)

    with ThreadPoolExecutor(READERS) as pool:
        errors = [error for error in pool.map(refused, export.files) if error is not None]
    if errors:
        with unreadable_as_verdict(export.export_id, export.table_name):
            raise errors[-1]


def verify_export(store: ObjectStore, found: FoundExport) -> VerifiedExport:
    """Everything that rule B1 asks of one export.

    Reads every data file. Bad input is the verdict, never an exception.

    Raises:
        TransientError: the store did not answer.
    """
    export: Export | None = None
    items = files = 0
    try:
        export = read_export(store, found)
        for data_file in export.files:
            items += verify_file(store, export, data_file)
            files += 1
    except ExportRefusedError as refused:
        return VerifiedExport(
            found=found, verdict=refused.verdict, detail=refused, export=export, items=items, files=files
        )
    return VerifiedExport(found=found, verdict=Verdict.COMPLETE, detail=None, export=export, items=items, files=files)


def verify_all(url: str) -> list[VerifiedExport]:
    """Every export below a URL with its verdict and the gap before it (rule C1), sorted by (export id, prefix)."""
    store = open_store(url)
    verified = [verify_export(store, found) for found in find_exports(store)]
    complete = [each.export for each in verified if each.export is not None and each.verdict is Verdict.COMPLETE]
    gaps = open_gaps(complete)
    return [_with_gap(each, gaps) for each in verified]


def _with_gap(verified: VerifiedExport, gaps: dict[str, Gap]) -> VerifiedExport:
    gap = gaps.get(verified.found.export_id) if verified.verdict is Verdict.COMPLETE else None
    return replace(verified, gap=gap)


def _check_bytes(path: Path, export: Export, data_file: DataFile) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        start = file.read(len(GZIP_MAGIC))
        digest.update(start)
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    if not start:
        raise _refused(
            Verdict.EMPTY_DATA_FILE, export, data_file, "at least the 20 bytes of an empty gzip file", "0 bytes"
        )
    if start != GZIP_MAGIC:
        raise _refused(Verdict.NOT_GZIP, export, data_file, "a file that begins with 1f 8b", start.hex(" "))
    md5 = base64.b64encode(digest.digest()).decode()
    if md5 != data_file.md5:
        verdict = Verdict.TRUNCATED_GZIP if _ends_early(path) else Verdict.DATA_FILE_MD5_MISMATCH
        size = f"{path.stat().st_size} bytes with"
        raise _refused(verdict, export, data_file, f"md5 {data_file.md5}", f"{size} md5 {md5}")


def _ends_early(path: Path) -> bool:
    """Whether a file whose md5 is wrong was cut off: a copy that broke off, rather than one that was changed."""
    try:
        _count_lines(path)
    except _BrokenStreamError as broken:
        return broken.verdict is Verdict.TRUNCATED_GZIP
    return False


def _count_lines(path: Path) -> int:
    lines, last = 0, b"\n"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for text in _inflate(path):
            decoder.decode(text)
            lines += text.count(b"\n")
            last = text[-1:]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _BrokenStreamError(Verdict.INVALID_UTF8, f"{error.reason} after line {lines}") from None
    return lines if last == b"\n" else lines + 1


def _inflate(path: Path) -> Iterator[bytes]:
    """The text of a gzip file of one or more members, in chunks of at most CHUNK_BYTES."""
    with path.open("rb") as file:
        data = file.read(CHUNK_BYTES)
        while data:
            member = zlib.decompressobj(_GZIP_WINDOW)
            while not member.eof:
                if not data:
                    raise _BrokenStreamError(Verdict.TRUNCATED_GZIP, "the file ends inside its gzip stream")
                try:
                    text = member.decompress(data, CHUNK_BYTES)
                except zlib.error as error:
                    raise _BrokenStreamError(Verdict.CORRUPT_GZIP, str(error)) from None
                if text:
                    yield text
                data = member.unconsumed_tail or (member.unused_data if member.eof else file.read(CHUNK_BYTES))
            data = data or file.read(CHUNK_BYTES)


def _refused(
    verdict: Verdict, export: Export, data_file: DataFile, expected: object, found: object
) -> ExportRefusedError:
    return ExportRefusedError(
        verdict,
        export_id=export.export_id,
        table=export.table_name,
        file=data_file.key,
        expected=expected,
        found=found if found is not None else MISSING,
        state=MISSING if found is None else None,
    )
