"""Sources: where batches come from. A source knows bytes and texts, never types or rules.

Belongs here: what refining asks of a source, and the values that pass between the two.
Does not: any single source, or what is done with what it gives (refining).
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.owner import Owner
from medallion_assets.contracts.place import Stray
from medallion_assets.contracts.record_order import RecordOrder
from medallion_assets.contracts.search import EVERYTHING, Search
from medallion_assets.errors import PermanentError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from medallion_assets.contracts.months import Months
    from medallion_assets.contracts.table import Table

WRONG_TABLE = "wrong_table"
"""The verdict on a batch of another table than the declaration takes; another declaration may take it (rule B3)."""
ARCHIVED, UNREADABLE = "archived", "unreadable"
"""The verdicts on a batch of which a store gives some file only later, or to somebody else."""
BY_ACCESS = frozenset({ARCHIVED, UNREADABLE})
"""Verdicts that no listing takes back: permissions and restored objects do not show there."""
DATED_AHEAD = "dated_ahead"
"""The verdict on a batch that reaches into the future: it would count as fresh, and as the latest, until then (F8)."""
AHEAD_SLACK = timedelta(days=1)
"""How far the clock of whoever writes batches may be ahead of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A batch in a listing of its place, which may hold it twice, under two prefixes.

    `fingerprint` changes when anything of it comes, goes or changes (rule B2). `is_complete`: nothing more is awaited;
    whether it is whole is for reading to say. `files` are those that were seen of it, its data left out. `partition` is
    the one that it replaces, where its name tells it. `reaches_until` is how far it reaches, if that shows (rule F8).
    """

    id: str
    prefix: str
    fingerprint: str
    is_complete: bool = True
    files: int = 1
    partition: date | None = None
    reaches_until: datetime | None = None

    def is_dated_ahead(self, now: datetime) -> bool:
        """Whether it says that it reaches further than any clock can be wrong."""
        return self.reaches_until is not None and self.reaches_until > now + AHEAD_SLACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What lies in a place: batches, sorted by (id, prefix), and what is none.

    `foreign` counts objects that belong to no batch, `unclaimed` are those of them that look as if they did. `unseen`
    are folders that were not looked into, each with why, and what to do. `prefixes` has the greatest id that was seen
    below each prefix, of known batches too, `last_prefix` is the one whose keys come last. `objects` were looked at.
    `rest` is the key after which comes what a share left out; None: nothing was. `folders` are the first folders
    directly in the place; None: nobody looked.
    """

    batches: list[Found]
    foreign: int
    unclaimed: list[str]
    unseen: dict[str, str]
    prefixes: Mapping[str, str] = field(default_factory=dict)
    last_prefix: str | None = None
    objects: int = 0
    rest: str | None = None
    folders: Sequence[str] | None = None


class BatchRefusedError(PermanentError):
    """Nothing of a batch is loaded, and why: `verdict` is the name of what is wrong.

    `watched` is the file that has to change first, where its change would not show in the batch's fingerprint, and
    `state` what `storage.stores.state_of` said of it when it was refused; None where that is not certain.
    """

    def __init__(
        self, verdict: str, what: str, *, watched: str | None = None, state: str | None = None, **parts: Any
    ) -> None:
        super().__init__(what, **parts)
        self.verdict = verdict
        self.watched = watched
        self.state = state


class Delivery(Protocol):
    """A batch that was read as far as it says what it holds; each source adds what it needs to give its lines."""

    @property
    def batch(self) -> Batch:
        """Its id, its kind and its window, as it says itself."""
        ...


class LineReader(Protocol):
    """Takes lines apart, for one contract; several threads may call it."""

    def read(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row for each of `lines` (`raw`, `_source_file`, `_export_type`: the kind of its batch), in order.

        No line fails the call.

        - `_verdict`: one of `contracts.expectations.UNREADABLE`, or another reason why the whole record is bad although
          it can be read, or null;
        - `_is_delete`, and of changes `_sequence`: when it was written, as text (`Source.has_moments` says which);
        - `_unknown_attributes`: the names that the contract lacks, sorted;
        - of each column with a source its text under the column's name (null: absent), and as `wrong(column)` whether
          it was of a kind that is no such text.
        """
        ...


class Source(Protocol):
    """A kind of place that batches come from. All times are UTC."""

    @property
    def uncertainty(self) -> timedelta:
        """How far before and after its time a full batch may have read a row (rule R1)."""
        ...

    @property
    def write_time_slack_hours(self) -> float:
        """How far outside its window a record of a batch of changes may have been written (rule R1)."""
        ...

    @property
    def technology(self) -> str:
        """What people know it as: Dagster's UI has an icon for it."""
        ...

    @property
    def batch_word(self) -> str:
        """What people call one of its batches, as in `2 exports`."""
        ...

    @property
    def names_owner(self) -> bool:
        """Whether each batch is an export that names its DynamoDB table, so that a declaration may too (rule B3)."""
        ...

    @property
    def order(self) -> RecordOrder:
        """How its records are ordered (rules R3, F4, F5)."""
        ...

    @property
    def rules(self) -> tuple[str, ...]:
        """What else of it decides which rows there are, as texts that change with it (rule C6)."""
        ...

    @property
    def has_moments(self) -> bool:
        """Whether the sequence of a change is a timestamp in a text (rule T1), and not microseconds since 1970."""
        ...

    @property
    def chain_starts_at(self) -> datetime | None:
        """Where a chain of its batches begins without a full one, unless the declaration says it (rules C1, F2)."""
        ...

    @property
    def final_verdicts(self) -> Collection[str]:
        """The verdicts after which a batch is not looked at again while it is as it was (rule B2)."""
        ...

    @property
    def ids_ascend(self) -> bool:
        """Whether what arrives mostly has a greater id than what came before; else a small place is looked through."""
        ...

    def listed_as(self, batch_id: str) -> str:
        """A text by which ids sort as their batches lie in a bucket, below one prefix."""
        ...

    @property
    def declares_coverage(self) -> bool:
        """Whether a batch says what it covers (rule V1); else nobody can ever know how far its table reaches."""
        ...

    def covered(self, batches: Sequence[Batch]) -> list[Batch]:
        """The batches, each with the window that it covers as the source declares it (rule V1); others are left out."""
        ...

    def of(self, table: Table, months: Months | None = None) -> Source:
        """The source as that of one table, which may have to know what is read, and which months there are."""
        ...

    def find(self, place: ObjectStore, search: Search = EVERYTHING) -> Listing:
        """What lies in the place, as far as it is looked for.

        Raises:
            PermanentError: the place is not there, or cannot be listed.
            TransientError: the store did not answer.
        """
        ...

    def strays(self, place: ObjectStore, tables: Collection[str]) -> Sequence[Stray]:
        """Some of what looks like its batches in a place that holds a folder for each of `tables`, and lies in none.

        Raises as `find` does; it costs few requests, however much lies there.
        """
        ...

    def read(self, place: ObjectStore, found: Found, *, owner: Owner | None = None) -> Delivery:
        """What a batch says of itself; of `owner` and those it accepts alone, where that is given.

        Raises:
            BatchRefusedError: it is not whole, or of another owner (WRONG_TABLE).
            TransientError: the store did not answer.
        """
        ...

    def lines(self, place: ObjectStore, delivery: Any, *, refused_as: str | None = None) -> Generator[pl.DataFrame]:
        """Its lines (`_source_file`, `_line_number` from 1 in each file, `raw`) in frames of bounded bytes, none empty.

        `refused_as` is the verdict with which it was refused before: it may be cheaper to look at that first.

        Raises:
            BatchRefusedError: some of its data is not as it should be; frames before it may have been given.
            TransientError: the store did not answer.
        """
        ...

    def parts(self, delivery: Any, most: int) -> Sequence[Delivery]:
        """The delivery cut between its files, for several processes: of so many records each, or it as a whole."""
        ...

    def reader(self, table: Table) -> LineReader:
        """A reader of its lines, for one contract."""
        ...

    def canonical(self, line: str) -> str:
        """One text for all lines that tell the same record, however they spell it (rule R3)."""
        ...

    def spelled(self, text: str) -> str:
        """How a value's text stands in a line, unless the line escapes some of it with a backslash."""
        ...

    def hints(self, bad: pl.DataFrame, table: Table) -> list[str]:
        """What to say of bad records (`raw`, `_reasons`, `_reason_columns`) that no data can mend."""
        ...


class AsItIs:
    """A source that is the same for every table; its batches cover what they say, lie in place, and name no owner."""

    __slots__ = ()

    declares_coverage: ClassVar[bool] = True
    names_owner: ClassVar[bool] = False

    def covered(self, batches: Sequence[Batch]) -> list[Batch]:
        """Each with its own window (rules R1, F2)."""
        return list(batches)

    def of(self, table: Table, months: Months | None = None) -> Self:
        """Itself: nothing of the table matters."""
        del table, months
        return self

    def listed_as(self, batch_id: str) -> str:
        """As it is: ids of one length name folders."""
        return batch_id

    def strays(self, place: ObjectStore, tables: Collection[str]) -> list[Stray]:
        """None."""
        del place, tables
        return []

    def hints(self, bad: pl.DataFrame, table: Table) -> list[str]:
        """None: a contract can read all that its batches hold."""
        del bad, table
        return []


MISSING = "missing"
"""The reason of a required column without a value."""
WRONG_TYPE = "wrong_type"
"""The reason of a value where the column `wrong(...)` is true."""


def wrong(column: str) -> str:
    """The name of the Boolean column that is true where a value is of another kind than the contract's."""
    return f"_wrong:{column}"
