"""Export lines: the verified lines of an export, in frames of bounded size.

Belongs here: reading large data files in pieces and many small ones together, and refusing what was not read whole.
Does not: verifying bytes, or writing lines.

DynamoDB writes dozens of data files however few the items are, and one of many gigabytes when there are many. So a
frame is as large as it may be, whatever the files: it holds lines of many, or a part of one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.columns import LINE_NUMBER, RAW, SOURCE_FILE
from medallion_assets.engines.blocks import side_by_side
from medallion_assets.errors import PermanentError
from medallion_assets.sources.dynamodb_export.data_text import text_if_short
from medallion_assets.sources.dynamodb_export.manifest import DataFile, Export
from medallion_assets.sources.dynamodb_export.unreadable import disk_as_verdict
from medallion_assets.sources.dynamodb_export.verify import SMALL_FILE_BYTES, check_lines, verified_files
from medallion_assets.storage.sizes import MEBIBYTE

READERS = 2
"""Threads that read a large export: more did not help on two cores, and each holds a frame and two data files."""
LINES = pl.Schema({SOURCE_FILE: pl.String(), LINE_NUMBER: pl.Int64(), RAW: pl.String()})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSizes:
    """How many bytes of an export are read at a time.

    A frame ends behind the line with which its lines reach `frame` in memory. A data file up to `small_file` is held
    whole, and one whose text is up to `short_text` is read together with others. Of a larger one `piece` of text is
    handled at a time. An export of twice `side_by_side` records is read by two threads.
    """

    frame: int = 48 * MEBIBYTE
    small_file: int = SMALL_FILE_BYTES
    short_text: int = 4 * MEBIBYTE
    piece: int = 4 * MEBIBYTE
    side_by_side: int = 100_000


def export_lines(store: ObjectStore, export: Export, sizes: ReadSizes = ReadSizes()) -> Generator[pl.DataFrame]:
    """Every line of an export with its data file and its number there, in frames of bounded size; none is empty.

    The lines of a frame are in the order of the export. Taking gzip apart is the work of one thread a file, so every
    other file of a large export is read by a second one; their frames come as they are ready.

    Raises:
        ExportRefusedError: a data file does not verify; frames before it may have been given.
        PermanentError: the lines that were read are not as many as were verified.
        TransientError: the store did not answer.
    """
    is_over = Event()
    shares = [export]
    if sum(file.item_count for file in export.files) >= READERS * sizes.side_by_side:
        shares = [replace(export, files=export.files[n::READERS]) for n in range(min(READERS, len(export.files)))]
    with closing(side_by_side([_frames(store, share, sizes, is_over) for share in shares], is_over)) as frames:
        yield from frames


def _frames(store: ObjectStore, export: Export, sizes: ReadSizes, is_over: Event) -> Generator[pl.DataFrame]:
    frame = _Frame(export, sizes.frame)
    with closing(verified_files(store, export, small_bytes=sizes.small_file, is_over=is_over)) as files:
        for file, source in files:
            text = text_if_short(source, at_most=sizes.short_text) if isinstance(source, bytes) else None
            if text is not None:
                frame.add_file(file, source, text)
                if frame.is_full:
                    yield frame.take()
                continue
            lines = 0
            with disk_as_verdict(store, export, file):
                for piece, size in _pieces(export, file, source, sizes.piece):
                    frame.add_piece(file, piece, size, first_line=lines + 1)
                    lines += piece.len()
                    if frame.is_full:
                        yield frame.take()
                if lines != file.item_count:
                    raise _not_whole(export, file, source, lines)
    if frame.parts or frame.texts:  # lines may all be empty
        yield frame.take()


@dataclass
class _Frame:
    """Lines on their way into one frame. `texts` are whole small files, which become lines together."""

    export: Export
    most_bytes: int
    parts: list[pl.DataFrame] = field(default_factory=list)
    texts: list[tuple[DataFile, bytes | Path, bytes]] = field(default_factory=list)
    size: int = 0

    @property
    def is_full(self) -> bool:
        return self.size >= self.most_bytes

    def add_file(self, file: DataFile, source: bytes | Path, text: bytes) -> None:
        if text and not text.endswith(b"\n"):
            text += b"\n"
        if text.count(b"\n") != file.item_count:
            raise _not_whole(self.export, file, source, text.count(b"\n"))
        if text:
            self.texts.append((file, source, text))
            self.size += len(text)

    def add_piece(self, file: DataFile, lines: pl.Series, size: int, *, first_line: int) -> None:
        self._read_texts()
        numbers = pl.int_range(first_line, first_line + lines.len(), eager=True)
        names = pl.repeat(self._name(file), lines.len(), eager=True)
        self.parts.append(pl.DataFrame([names, numbers, lines], schema=LINES))
        self.size += size

    def take(self) -> pl.DataFrame:
        self._read_texts()
        taken = pl.concat(self.parts, rechunk=False)
        self.parts, self.size = [], 0
        return taken

    def _read_texts(self) -> None:
        if not self.texts:
            return
        texts, self.texts = self.texts, []
        try:
            lines = pl.scan_lines(b"".join(text for _, _, text in texts), name=RAW).collect().get_column(RAW)
        except pl.exceptions.PolarsError:
            for file, source, _ in texts:
                check_lines(self.export, file, source)  # names what is wrong; where nothing is, the error stands
            raise
        counts = {
            SOURCE_FILE: [self._name(text[0]) for text in texts],
            "_lines": [text[0].item_count for text in texts],
        }
        numbers = pl.int_ranges(1, pl.col("_lines") + 1).alias(LINE_NUMBER)
        numbered = pl.DataFrame(counts).with_columns(numbers).explode(LINE_NUMBER)
        if numbered.height != lines.len():
            raise PermanentError(
                f"not all lines of {len(texts):,} data files were read",
                where=f"export {self.export.export_id}",
                expected=f"{numbered.height:,} lines, as the manifest says",
                found=f"{lines.len():,}",
                do="report this as a bug, with the files: nothing of the export was loaded",
                export_id=self.export.export_id,
            )
        self.parts.append(numbered.select(SOURCE_FILE, LINE_NUMBER, lines).cast(LINES))

    def _name(self, file: DataFile) -> str:
        return file.key.removeprefix(self.export.prefix)


def _pieces(export: Export, file: DataFile, source: Path | bytes, most_bytes: int) -> Iterator[tuple[pl.Series, int]]:
    """The lines of one data file, streamed in pieces of about so many bytes, each with its own."""
    few: list[pl.Series] = []
    size = 0
    try:
        # Polars gives the first lines alone, then about 500 KB at a time, and reads little ahead of us.
        batches = pl.scan_lines(source, name=RAW, glob=False).collect_batches(lazy=True, engine="streaming")
        for batch in batches:
            few.append(batch.get_column(RAW))
            size += int(few[-1].estimated_size())
            if size >= most_bytes:
                yield pl.concat(few, rechunk=False), size
                few, size = [], 0
    except (pl.exceptions.PolarsError, OSError):  # broken gzip is an OSError
        check_lines(export, file, source)  # names what is wrong; where nothing is, the error as it came stands
        raise
    if few:
        yield pl.concat(few, rechunk=False), size


def _not_whole(export: Export, file: DataFile, source: Path | bytes, found: int) -> PermanentError:
    """Other lines than the manifest says: the file's fault, or else ours."""
    lines = check_lines(export, file, source)
    return PermanentError(
        f"not all lines of file {file.key} were read",
        where=f"export {export.export_id}",
        expected=f"{lines:,} lines, as the manifest says",
        found=f"{found:,}",
        do="report this as a bug, with the file: nothing of the export was loaded",
        export_id=export.export_id,
    )
