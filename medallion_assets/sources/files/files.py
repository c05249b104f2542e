"""Files as a source of batches: each file that a pattern names is one (rules F1 to F8).

Belongs here: putting the parts of this folder together as `Source` asks for them.
Does not: any of the parts.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.columns import LINE_NUMBER, RAW, SOURCE_FILE
from medallion_assets.contracts.moments import EPOCH
from medallion_assets.contracts.months import Months
from medallion_assets.contracts.owner import Owner
from medallion_assets.contracts.place import Stray
from medallion_assets.contracts.record_order import LATEST_ID_WINS, RecordOrder
from medallion_assets.contracts.search import EVERYTHING, Search
from medallion_assets.contracts.source import Found, LineReader, Listing
from medallion_assets.contracts.table import Table
from medallion_assets.errors import PermanentError
from medallion_assets.sources.files.csv_format import Csv
from medallion_assets.sources.files.format import Format
from medallion_assets.sources.files.names import (
    Ids,
    key_of,
    listed_as,
    modified_at,
    pattern_of,
    right_before,
)
from medallion_assets.sources.files.periods import ALLOWED, covered_windows, is_allowed, name_of
from medallion_assets.sources.files.strays import find_strays
from medallion_assets.sources.files.verdicts import FileRefusedError, FileVerdict
from medallion_assets.sources.records import RecordColumns, source_file
from medallion_assets.storage.bucket import EMPTY
from medallion_assets.storage.looks import Look
from medallion_assets.storage.sizes import MEBIBYTE
from medallion_assets.storage.stores import state_of

FRAME_BYTES = 64 * MEBIBYTE
"""Text in a frame; a frame ends behind the block that reaches it."""
FRAME_ROWS = 1_000_000
"""Records in a frame, or little more: the shorter they are, the more of its memory is beside the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDelivery:
    """A file; how many records it has is known once they were read."""

    batch: Batch
    key: str
    size: int
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files below a table's place that `pattern` names: `orders-*.csv{,.gz}`, or `**/*.parquet` in any folders.

    `kind` says what a file is of its table: changes, all of it, or a partition; beside changes, what `full_pattern`
    names is all of it. A file of changes has a column `sequence`, the moment at which each record was written, and may
    have one `delete_flag` (rule F3). `header` are the columns that each file must have, in any order; without it these
    are the columns that the contract reads. A file of a partition begins with the partition's name, in the form of
    `partition` (as of strftime), up to the first dot; the files of partitions before `first_partition`, which the
    table's declaration says, are none of the table's. `covers` is the form of names, such as `orders-%Y-%m-%d`, that
    tell the hour, day or month whose changes a file holds all of; without it nobody knows how far the table reaches
    (rule V1).
    """

    pattern: str
    kind: BatchKind
    format: Format = field(default_factory=Csv)
    sequence: str | None = None
    delete_flag: str | None = None
    header: tuple[str, ...] | None = None
    partition: str | None = None
    full_pattern: str | None = None
    covers: str | None = None
    write_time_slack_hours: float = 24
    contract_columns: tuple[str, ...] = field(default=(), repr=False)
    first_partition: date | None = None

    technology: ClassVar[str] = "file"
    batch_word: ClassVar[str] = "file"
    names_owner: ClassVar[bool] = False
    uncertainty: ClassVar[timedelta] = timedelta(0)
    order: ClassVar[RecordOrder] = LATEST_ID_WINS
    has_moments: ClassVar[bool] = True
    chain_starts_at: ClassVar[datetime | None] = EPOCH
    final_verdicts: ClassVar[frozenset[str]] = frozenset()
    ids_ascend: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse what cannot be kept.

        Raises:
            PermanentError: a column or a form of names that the kind of the files has no use for, or one that it lacks;
                a form that tells no month, day or hour.
        """
        is_changes, is_partition = self.kind is BatchKind.CHANGES, self.kind is BatchKind.PARTITION
        for name, value, is_needed, is_possible in (
            ("sequence", self.sequence, is_changes, is_changes),
            ("delete_flag", self.delete_flag, False, is_changes),
            ("partition", self.partition, is_partition, is_partition),
            ("full_pattern", self.full_pattern, False, is_changes),
        ):
            if (value is None and is_needed) or (value is not None and not is_possible):
                raise self._misdeclared(f"{'a' if is_needed else 'no'} {name} for kind={self.kind.name}", name, value)
        for name, form in (("covers", self.covers), ("partition", self.partition)):
            if form is not None and not is_allowed(form):
                raise self._misdeclared(ALLOWED, name, form)

    @property
    def rules(self) -> tuple[str, ...]:
        """The columns that order records and delete, and the form of the files."""
        return (f"files {self.kind} {self.full_pattern} {self.sequence} {self.delete_flag} {self.format.rules}",)

    @property
    def columns(self) -> RecordColumns:
        """The columns beside those of the contract."""
        return RecordColumns(sequence=self.sequence, delete_flag=self.delete_flag)

    def kind_of(self, key: str) -> BatchKind | None:
        """What the file is of its table; None of one that is no file of it."""
        if self.full_pattern is not None and pattern_of(self.full_pattern).fullmatch(key):
            return BatchKind.FULL
        return self.kind if pattern_of(self.pattern).fullmatch(key) else None

    def required(self, key: str) -> tuple[str, ...]:
        """The columns that a file must have."""
        beside = {self.sequence, self.delete_flag} - {None}
        every = (*(self.contract_columns if self.header is None else self.header), *sorted(map(str, beside)))
        is_full = self.kind_of(key) is BatchKind.FULL
        return tuple(dict.fromkeys(name for name in every if not (is_full and name in beside)))

    @property
    def declares_coverage(self) -> bool:
        """Where their names say it."""
        return (self.covers or self.partition) is not None

    def covered(self, batches: Sequence[Batch]) -> list[Batch]:
        """By the date in a file's name; a month covers itself (rule V1)."""
        return covered_windows(batches, self.covers or self.partition)

    def of(self, table: Table, months: Months | None = None) -> Files:
        """With the columns that the contract reads, and the months that there are."""
        sources = [str(column.source) for column in table.columns if column.source is not None]
        first = self.first_partition if months is None else months.first
        return replace(self, contract_columns=tuple(dict.fromkeys(sources)), first_partition=first)

    def find(self, place: ObjectStore, search: Search = EVERYTHING) -> Listing:
        """The files of a place, each as it is now (rule F1)."""
        foreign, batches = 0, list[Found]()
        look = Look(search=search, begins_after="" if search.after is None else right_before(search.after))
        ids = Ids(search)
        for stored in look.objects(place):
            partition = self._named(stored.key)
            if self.kind_of(stored.key) is None or self._is_too_early(partition):
                foreign += 1
            elif (name := ids.wanted(stored)) is not None:
                batches.append(
                    Found(
                        id=name,
                        prefix="",
                        fingerprint=f"{stored.size} {stored.tag}",
                        partition=partition,
                        reaches_until=stored.modified_at,
                    )
                )
        return look.listing(batches, foreign=foreign)

    def listed_as(self, batch_id: str) -> str:
        """The file's key, with which another's may begin (`a.csv`, `a.csv.gz`), then its moment."""
        return listed_as(batch_id)

    def strays(self, place: ObjectStore, tables: Collection[str]) -> list[Stray]:
        """Files of its pattern in the place itself, or in a folder of another name."""
        return find_strays(place, tables, lambda key: self.kind_of(key) is not None)

    def read(self, place: ObjectStore, found: Found, *, owner: Owner | None = None) -> FileDelivery:
        """What its name and its moment say; nothing of it is read yet, and a file has no owner."""
        del place, owner
        size, _, tag = found.fingerprint.partition(" ")
        return FileDelivery(batch=self._batch(found.id), key=key_of(found.id), size=int(size), tag=tag)

    def lines(
        self, place: ObjectStore, delivery: FileDelivery, *, refused_as: str | None = None
    ) -> Generator[pl.DataFrame]:
        """Its records, each with its number from 1 (a header is none); verified while they are read, once."""
        del refused_as
        count, frame, rows, size = 0, list[pl.DataFrame](), 0, 0
        with closing(self.format.records(place, delivery.key, self.required(delivery.key))) as blocks:
            for columns, raw in _in_slices(blocks):
                name = pl.repeat(source_file(delivery.key, columns), raw.len(), dtype=pl.String, eager=True)
                numbers = pl.int_range(count + 1, count + raw.len() + 1, eager=True)
                frame.append(pl.DataFrame({SOURCE_FILE: name, LINE_NUMBER: numbers, RAW: raw}))
                count += raw.len()
                size += int(raw.str.len_bytes().sum())
                rows += raw.len()
                if size >= FRAME_BYTES or rows >= FRAME_ROWS:
                    yield pl.concat(frame, rechunk=False)
                    frame, rows, size = [], 0, 0
        self._expect_unchanged(place, delivery)
        if frame:
            yield pl.concat(frame, rechunk=False)

    def parts(self, delivery: FileDelivery, most: int) -> list[FileDelivery]:  # noqa: ARG002
        """It is read as a whole."""
        return [delivery]

    def reader(self, table: Table) -> LineReader:
        """A reader of records in the files' format."""
        return self.format.reader(table, self.columns)

    def canonical(self, line: str) -> str:
        """One spelling of a record."""
        return self.format.canonical(line)

    def spelled(self, text: str) -> str:
        """How a text stands in a record."""
        return self.format.spelled(text)

    def hints(self, bad: pl.DataFrame, table: Table) -> list[str]:
        """Nothing: a text can be read, or has a reason of its own."""
        del bad, table
        return []

    def _misdeclared(self, expected: str, name: str, value: str | None) -> PermanentError:
        return PermanentError(
            f"files {self.pattern} cannot be read as they are declared",
            expected=expected,
            found=f"{name}={value!r}",
            do="correct Files(...), where the pipeline declares the table",
        )

    def _batch(self, name: str) -> Batch:
        key, modified = key_of(name), modified_at(name)
        kind = self.kind_of(key) or self.kind
        begins = modified if kind is BatchKind.FULL else EPOCH
        if kind is BatchKind.PARTITION:
            begins = self._partition(key)
        return Batch(id=name, kind=kind, covers_from=begins, covers_to=modified, records=0, started_at=modified)

    def _named(self, key: str) -> date | None:
        """The partition in a file's name; None where there is none, which reading it refuses."""
        if self.kind is not BatchKind.PARTITION:
            return None
        with suppress(FileRefusedError):
            return self._partition(key).date()
        return None

    def _is_too_early(self, partition: date | None) -> bool:
        return partition is not None and self.first_partition is not None and partition < self.first_partition

    def _partition(self, key: str) -> datetime:
        name = name_of(key)
        try:
            return datetime.strptime(name, str(self.partition)).replace(tzinfo=UTC)
        except ValueError:
            expected = f"a name that begins with {self.partition} and a dot"
            raise FileRefusedError(FileVerdict.UNKNOWN_PARTITION, file=key, expected=expected, found=name) from None

    def _expect_unchanged(self, place: ObjectStore, delivery: FileDelivery) -> None:
        """Refuse what was read of a file that changed while it was read: its id is that of another version."""
        state = state_of(place, delivery.key)
        was = (f"{delivery.tag}-{delivery.size:x}", delivery.tag.partition(" ")[0], *([] if delivery.size else [EMPTY]))
        if state not in was and state.partition(" ")[0] not in was:
            expected = "the file as it was listed"
            raise FileRefusedError(FileVerdict.CHANGED_MEANWHILE, file=delivery.key, expected=expected, found=state)


def _in_slices(
    blocks: Iterable[tuple[tuple[str, ...], pl.Series]],
) -> Iterator[tuple[tuple[str, ...], pl.Series]]:
    """Blocks of at most as many records as a frame has."""
    return (
        (columns, raw.slice(start, FRAME_ROWS)) for columns, raw in blocks for start in range(0, raw.len(), FRAME_ROWS)
    )
