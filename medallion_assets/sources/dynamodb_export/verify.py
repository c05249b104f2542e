"""Verification: whether an export is all there, byte for byte, before anything of it is parsed (rule B1).

Belongs here: data files (present, gzip, md5, lines), and the verdict on whole exports.
Does not: the manifests' own checks; how windows join up; loading.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from obstore.store import ObjectStore

from medallion_assets.contracts.source import Found
from medallion_assets.sources.dynamodb_export.data_text import BrokenDataError, lines_in, opened
from medallion_assets.sources.dynamodb_export.manifest import DataFile, Export
from medallion_assets.sources.dynamodb_export.read import read_export
from medallion_assets.sources.dynamodb_export.unreadable import disk_as_verdict, missing, unreadable_as_verdict
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, ExportStatus, Verdict
from medallion_assets.storage.compression import GZIP_MAGIC
from medallion_assets.storage.failures import UnreadableObjectError
from medallion_assets.storage.stores import CHUNK_BYTES, expect_byte, local_path, read_if_small

SMALL_FILE_BYTES = 256 * 1024
"""Data files up to this size are read whole, and ahead: DynamoDB writes dozens of files however few the items are."""
_READERS = 8
_FIRST_FILES_A_TURN, _FILES_A_TURN = 3, 8
"""Files that a reader takes together: handing them over one by one costs more than reading them. The first turns are
small: where the first file is bad, all that were read ahead were read in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedExport:
    """The verdict on one export.

    `items` and `files` count what verified. `export` is None when its manifests are not readable.
    """

    found: Found
    verdict: Verdict
    detail: ExportRefusedError | None
    export: Export | None
    items: int
    files: int

    @property
    def status(self) -> ExportStatus:
        """The verdict in one of five words."""
        return self.verdict.status


@contextmanager
def verified_file(
    store: ObjectStore, export: Export, data_file: DataFile, is_over: Event | None = None
) -> Iterator[Path]:
    """A local path whose bytes are those that the manifest names: there, not empty, gzip by its first bytes, md5 right.

    For a local store the file itself, for S3 a temporary download that is gone on leaving. Lines are not counted here:
    the caller does that while it parses, and asks `check_lines` for the name of what went wrong.

    Raises:
        CancelledError: `is_over` was set meanwhile.
        ExportRefusedError: DATA_FILE_MISSING, ARCHIVED, UNREADABLE, EMPTY_DATA_FILE, NOT_GZIP, TRUNCATED_GZIP,
            DATA_FILE_MD5_MISMATCH.
        TransientError: the store did not answer.
    """
    with ExitStack() as stack:
        with unreadable_as_verdict(export.export_id, export.table_name):
            path = stack.enter_context(local_path(store, data_file.key, is_over))
        if path is None:
            raise missing(export, data_file)
        with disk_as_verdict(store, export, data_file):
            _check_bytes(path, export, data_file, is_over)
        yield path


def verified_files(
    store: ObjectStore, export: Export, *, small_bytes: int = SMALL_FILE_BYTES, is_over: Event | None = None
) -> Generator[tuple[DataFile, Path | bytes]]:
    """Every data file of an export in order, verified as `verified_file` does: small ones as bytes, others as a path.

    A path holds until the next file is asked for. A few small files are read ahead, each in one request, and one large
    file is verified (and, from S3, downloaded) while the one before it is read: memory does not grow with their number.

    `is_over` may be shared: it is set when this one fails or is closed, and not at its end.

    Raises:
        CancelledError: `is_over` was set meanwhile, by another thread.
        ExportRefusedError, TransientError: as `verified_file` does, of the first file that has it.
    """
    ahead: deque[tuple[DataFile, bytes | Future[_Opened]]] = deque()
    begun: deque[Future[_Opened]] = deque(maxlen=2)  # what is read, and what comes after it
    is_over = is_over or Event()
    with closing(_in_order(store, export, small_bytes)) as files, ThreadPoolExecutor(1, "verified-file") as verifier:
        try:
            for data_file, data in files:
                if data is None:
                    begun.append(verifier.submit(_Opened, store, export, data_file, is_over))
                ahead.append((data_file, begun[-1] if data is None else data))
                if len(ahead) > 1:
                    yield from _given(export, *ahead.popleft())
            while ahead:
                yield from _given(export, *ahead.popleft())
        except BaseException:  # closing it too; at its own end others may still be at work
            is_over.set()
            raise
        finally:
            for opening in begun:
                if not opening.cancel():
                    opening.add_done_callback(_close)


class _Opened:
    """A data file that was verified, until it is closed."""

    def __init__(self, store: ObjectStore, export: Export, data_file: DataFile, is_over: Event) -> None:
        self._held = ExitStack()
        self.path = self._held.enter_context(verified_file(store, export, data_file, is_over))

    def close(self) -> None:
        """Remove the file, where it is a download; one on this disk stays."""
        self._held.close()


def _close(opening: Future[_Opened]) -> None:
    if opening.exception() is None:
        opening.result().close()


def _given(
    export: Export, data_file: DataFile, source: bytes | Future[_Opened]
) -> Generator[tuple[DataFile, Path | bytes]]:
    if isinstance(source, bytes):
        _check_bytes(source, export, data_file)
        yield data_file, source
        return
    with closing(source.result()) as opened_file:
        yield data_file, opened_file.path


def _in_order(store: ObjectStore, export: Export, small_bytes: int) -> Generator[tuple[DataFile, bytes | None]]:
    """The data files with their bytes, of which some are read ahead; without these one that is large, or not there."""
    left = iter(export.files)
    ahead: deque[tuple[list[DataFile], Future[list[bytes | None]]]] = deque()
    turns = itertools.chain(itertools.repeat(_FIRST_FILES_A_TURN, _READERS), itertools.repeat(_FILES_A_TURN))

    def read(files: list[DataFile]) -> list[bytes | None]:
        return [_read_if_small(store, file, small_bytes) for file in files]

    readers = ThreadPoolExecutor(_READERS, thread_name_prefix="export-files")
    try:
        while True:
            while len(ahead) < _READERS and (files := list(itertools.islice(left, next(turns)))):
                ahead.append((files, readers.submit(read, files)))
            if not ahead:
                return
            files, reading = ahead.popleft()
            yield from zip(files, reading.result(), strict=True)
    finally:
        readers.shutdown(cancel_futures=True)


def _read_if_small(store: ObjectStore, data_file: DataFile, small_bytes: int) -> bytes | None:
    try:
        return read_if_small(store, data_file.key, at_most=small_bytes)
    except UnreadableObjectError:
        return None  # in its turn `verified_file` says so


def check_lines(export: Export, data_file: DataFile, source: Path | bytes) -> int:
    """The lines of a data file (where it lies, or its bytes), which must be its `itemCount`.

    Raises:
        ExportRefusedError: TRUNCATED_GZIP, CORRUPT_GZIP, INVALID_UTF8, LINE_COUNT_MISMATCH.
    """
    try:
        lines = lines_in(source)
    except BrokenDataError as broken:
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
    with verified_file(store, export, data_file) as path, disk_as_verdict(store, export, data_file):
        return check_lines(export, data_file, path)


def expect_readable(store: ObjectStore, export: Export) -> None:
    """See that every data file is there and can be read, by a request for one byte: before all are fetched once more.

    Raises:
        ExportRefusedError: DATA_FILE_MISSING, ARCHIVED, UNREADABLE, naming the last such file: it is the one to wait
            for, as files mostly come in their order.
        TransientError: the store did not answer.
    """

    def refused(data_file: DataFile) -> ExportRefusedError | None:
        try:
            with unreadable_as_verdict(export.export_id, export.table_name):
                expect_byte(store, data_file.key)
        except ExportRefusedError as error:
            return error
        except FileNotFoundError:
            return missing(export, data_file)
        return None

    with ThreadPoolExecutor(_READERS) as pool:
        errors = [error for error in pool.map(refused, export.files) if error is not None]
    if errors:
        raise errors[-1]


def verify_export(store: ObjectStore, found: Found) -> VerifiedExport:
    """Everything that rule B1 asks of one export.

    Reads every data file. Bad input is the verdict, never an exception.

    Raises:
        TransientError: the store did not answer.
    """
    export: Export | None = None
    items = files = 0
    try:
        export = read_export(store, found)
        with closing(verified_files(store, export)) as verified:
            for data_file, source in verified:
                with disk_as_verdict(store, export, data_file):
                    items += check_lines(export, data_file, source)
                files += 1
    except ExportRefusedError as refused:
        return VerifiedExport(
            found=found, verdict=refused.verdict, detail=refused, export=export, items=items, files=files
        )
    return VerifiedExport(found=found, verdict=Verdict.COMPLETE, detail=None, export=export, items=items, files=files)


def _check_bytes(source: Path | bytes, export: Export, data_file: DataFile, is_over: Event | None = None) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    with opened(source) as file:
        start = file.read(len(GZIP_MAGIC))
        digest.update(start)
        while chunk := file.read(CHUNK_BYTES):
            if is_over is not None and is_over.is_set():
                raise CancelledError
            digest.update(chunk)
    if not start:
        raise _refused(
            Verdict.EMPTY_DATA_FILE, export, data_file, "at least the 20 bytes of an empty gzip file", "0 bytes"
        )
    if start != GZIP_MAGIC:
        raise _refused(Verdict.NOT_GZIP, export, data_file, "a file that begins with 1f 8b", start.hex(" "))
    md5 = base64.b64encode(digest.digest()).decode()
    if md5 != data_file.md5:
        verdict = Verdict.TRUNCATED_GZIP if _ends_early(source) else Verdict.DATA_FILE_MD5_MISMATCH
        size = f"{len(source) if isinstance(source, bytes) else source.stat().st_size} bytes with"
        raise _refused(verdict, export, data_file, f"md5 {data_file.md5}", f"{size} md5 {md5}")


def _ends_early(source: Path | bytes) -> bool:
    """Whether a file whose md5 is wrong was cut off: a copy that broke off, rather than one that was changed."""
    try:
        lines_in(source)
    except BrokenDataError as broken:
        return broken.verdict is Verdict.TRUNCATED_GZIP
    return False


def _refused(
    verdict: Verdict, export: Export, data_file: DataFile, expected: object, found: object
) -> ExportRefusedError:
    return ExportRefusedError(
        verdict,
        export_id=export.export_id,
        table=export.table_name,
        file=data_file.key,
        expected=expected,
        found=found,
    )
