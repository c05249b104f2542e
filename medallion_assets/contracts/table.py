"""Contracts: what a table is. Every other place that needs a fact about a table asks its contract.

Belongs here: the vocabulary (Table, Column, the column types) in which the layers describe their tables.
Does not: any single table; where its rows come from, or how its stage is run; how a type is decoded or stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from medallion_assets.contracts.columns import (
    BATCH_ID,
    IS_CURRENT,
    IS_DELETED,
    LINE_NUMBER,
    RAW,
    SEQUENCE,
    VALID_FROM,
    VALID_TO,
)
from medallion_assets.contracts.expectations import Expectation
from medallion_assets.errors import PermanentError
from medallion_assets.errors.nearest import nearest_name

BUSINESS_TIME_ZONE = "America/Los_Angeles"
"""Business days are days in this zone (rule T5)."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string (DynamoDB `S`); trimmed and put in one case unless it is a key (rule T3).

    `title`: the first letter of each word is a capital, the others are small; every run of letters is a word.
    """

    case: Literal["upper", "lower", "title"] | None = None
    trim: bool = True


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number of 64 bits (DynamoDB `N`, judged by value: `3.0` is 3)."""


@dataclass(frozen=True, slots=True)
class Decimal:
    """An exact number (DynamoDB `N`) of `precision` digits, `scale` of them decimals."""

    precision: int = 18
    scale: int = 4


@dataclass(frozen=True, slots=True)
class Float:
    """A number of 64 bits that need not be exact; made by this project, never read from an item."""


@dataclass(frozen=True, slots=True)
class TimestampUtc:
    """A moment in UTC, in microseconds (DynamoDB `S`, ISO 8601 with a zone; rule T1)."""


@dataclass(frozen=True, slots=True)
class SqlTimestampUtc(TimestampUtc):
    """The same, read from the spelling of databases: `2019-10-01 00:00:00 UTC`, and no other (rule E2)."""


@dataclass(frozen=True, slots=True)
class Date:
    """A day (DynamoDB `S`, `YYYY-MM-DD`)."""


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false (DynamoDB `BOOL`)."""


@dataclass(frozen=True, slots=True)
class TextList:
    """A list of strings; made by this project, never read from an item."""


ANOTHER_NAME = "give the column another name; its source, the name of the attribute, may be any"

MOST_DIGITS = 38
"""Of an exact number, in Delta tables."""
READ_FROM_ITEMS = (Text, Integer, Decimal, TimestampUtc, Date, Boolean)
Type = Text | Integer | Decimal | Float | TimestampUtc | Date | Boolean | TextList
Money = Decimal(18, 4)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    `source` is the item's attribute that fills it. `business_date_of` names a TimestampUtc column of the same table
    whose day in BUSINESS_TIME_ZONE fills it. A column with neither is filled by the stage that writes the table.
    A column that is not `nullable` is required: an item without it is bad (`missing`), unless `missing` is the text
    that stands in for it.
    `of_batch`: the day of its batch's partition fills it, in a table whose batches each replace one.
    Without `has_bounds` the log does not say between which values a file's lie: for long text that nobody looks up.
    """

    name: str
    type: Type
    description: str
    source: str | None = None
    business_date_of: str | None = None
    nullable: bool = False
    has_bounds: bool = True
    of_batch: bool = field(default=False, repr=False)
    missing: str | None = field(default=None, repr=False)

    @property
    def derived(self) -> Column:
        """The column in a table that is made from this one: no item fills it."""
        return replace(self, source=None, business_date_of=None, missing=None, of_batch=False)


def nearest(name: str, names: Iterable[str], *, otherwise: str = "correct the contract") -> str:
    """What to do about a name that there is not: take the nearest that there is."""
    alike = nearest_name(name, names)
    return f"did you mean {alike}?" if alike else otherwise


_HISTORY = (
    Column(VALID_FROM, TimestampUtc(), "from when this version held, inclusive"),
    Column(VALID_TO, TimestampUtc(), "until when this version held, exclusive; null while it does", nullable=True),
    Column(IS_CURRENT, Boolean(), "the last version of a key that is not deleted"),
)
_STAGE = (
    Column(IS_DELETED, Boolean(), "the key was deleted: a tombstone, or a version that ended so"),
    Column(SEQUENCE, Integer(), "when this state was written, microseconds since 1970 (rule R1)"),
    Column(BATCH_ID, Text(), "the batch that decided this row"),
)
_LINE = Column(LINE_NUMBER, Integer(), "the line of its batch's file: tells rows apart where there is no key")
HISTORY_COLUMNS = tuple(column.name for column in _HISTORY)
"""What a history table says of each version."""
STAGE_COLUMNS = tuple(column.name for column in _STAGE)
"""What every loaded table says of each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table's contract.

    `name` is `layer.table`. `key` identifies a row. A table with columns that items fill is loaded: it has, after its
    own columns, those that every loaded table has.
    `history` keeps every version of a key (rule H1) instead of its present state. `left_out` are attributes of items
    that are not read on purpose: they are no drift. `is_appended`: loads only ever add to it. `begins_empty`: it is
    made with its first row; its rows exist nowhere else, unless it is `rebuilt_with` the table of that name.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    partition_by: str | None = None
    expectations: tuple[Expectation, ...] = ()
    history: bool = False
    left_out: tuple[str, ...] = ()
    is_appended: bool = False
    begins_empty: bool = False
    rebuilt_with: str | None = None
    owners: tuple[str, ...] = field(default=("team:data-platform",))

    def __post_init__(self) -> None:
        """Add the columns of a loaded table, whose keys stay as they are; refuse what contradicts itself, before a run.

        Raises:
            PermanentError: with the table, what is missing, and what to add.
        """
        if self.is_loaded:
            added = (*(_HISTORY if self.history else ()), *_STAGE, *((_LINE,) if self.is_replaced else ()))
            new = (column for column in added if column.name not in self.column_names)
            own = (
                replace(each, type=Text(trim=False)) if each.name in self.key and isinstance(each.type, Text) else each
                for each in self.columns
            )
            object.__setattr__(self, "columns", (*own, *new))
        names = self.column_names
        if "." not in self.name:
            raise self.wrong("a name of the form layer.table", self.name)
        if repeated := sorted({name for name in names if [each.lower() for each in names].count(name.lower()) > 1}):
            raise self.wrong("columns of names that differ, and not by case alone", f"several of {', '.join(repeated)}")
        used = [*self.key, *([self.partition_by] if self.partition_by else [])]
        used += [column.business_date_of for column in self.columns if column.business_date_of]
        if missing := [name for name in used if name not in names]:
            raise self.wrong(f"columns {', '.join(missing)}", f"only {', '.join(names)}", do=nearest(missing[0], names))
        for column in self.decoded_columns:
            self._expect_decodable(column)

    def _expect_decodable(self, column: Column) -> None:
        """Refuse a column that no item can fill, or whose name is a column of our own: the two would be mixed up."""
        reserved = {RAW, *STAGE_COLUMNS, *(HISTORY_COLUMNS if self.history else ())}
        name = column.name
        if name in reserved or name.startswith("_"):
            raise self.wrong(
                "names of columns that items fill which are not reserved: no leading _, and none of "
                + ", ".join(sorted(word for word in reserved if not word.startswith("_"))),
                f"column {name!r}, filled from {column.source or column.business_date_of!r}",
                do=ANOTHER_NAME,
            )
        is_pattern = name in ("", "*") or (name.startswith("^") and name.endswith("$"))
        if is_pattern or any(ord(character) < ord(" ") for character in name):
            expected = "names of columns that are no patterns (*, ^...$) and have no control characters"
            raise self.wrong(expected, f"column {name!r}", do=ANOTHER_NAME)
        if sum((column.source is not None, column.business_date_of is not None, column.of_batch)) > 1:
            raise self.wrong("a source, business_date_of or of_batch for a column", f"both for {name}")
        if column.of_batch and not isinstance(column.type, Date):
            raise self.wrong("of_batch on a Date", f"{name}: {type(column.type).__name__}")
        if column.missing is not None and (not isinstance(column.type, Text) or name in self.key or column.nullable):
            raise self.wrong(
                "a text for what is missing on a Text that is neither of the key nor nullable",
                f"missing={column.missing!r} on {name}, {column.type}",
            )
        self._expect_readable_type(name, column.type)
        if column.business_date_of is not None:
            moment = self.column(column.business_date_of)
            if moment.source is None or not (isinstance(moment.type, TimestampUtc) and isinstance(column.type, Date)):
                raise self.wrong(
                    "business_date_of on a Date, naming a TimestampUtc that has a source",
                    f"{name}: {type(column.type).__name__} of {moment.name}: {type(moment.type).__name__}",
                )

    def _expect_readable_type(self, name: str, kind: object) -> None:
        """Refuse a type of which no item holds a value, and one that was named and not made."""
        if isinstance(kind, Decimal) and not (0 < kind.precision <= MOST_DIGITS and 0 <= kind.scale <= kind.precision):
            raise self.wrong(f"1 to {MOST_DIGITS} digits, and no more of them decimals", f"{kind} for {name}")
        if not isinstance(kind, READ_FROM_ITEMS):
            is_class = isinstance(kind, type)
            found = kind.__name__ if isinstance(kind, type) else type(kind).__name__
            raise self.wrong(
                f"types that an item can hold: {', '.join(each.__name__ for each in READ_FROM_ITEMS)}",
                f"{'the class ' if is_class else ''}{found} for {name}, which has a source",
                do=f"write {found}() for {name}" if is_class else f"give {name} one of these",
            )

    def wrong(self, expected: str, found: str, *, do: str = "correct the contract") -> PermanentError:
        """The error for a contract that cannot be kept."""
        return PermanentError(f"the contract of {self.name} cannot be kept", expected=expected, found=found, do=do)

    @property
    def is_loaded(self) -> bool:
        """Whether items fill some of its columns."""
        return any(column.source is not None for column in self.columns)

    @property
    def has_tombstones(self) -> bool:
        """Whether rows may say that their key is deleted. In a history that flag is about how a version ended."""
        return IS_DELETED in self.column_names and not self.history

    @property
    def layer(self) -> str:
        """`bronze`, `silver`, `gold`, `serving`, `quarantine` or `operations`."""
        return self.name.split(".", 1)[0]

    @property
    def short_name(self) -> str:
        """The name without its layer: also the name of the DynamoDB table that an exported table comes from."""
        return self.name.split(".", 1)[1]

    @property
    def path(self) -> str:
        """Where the table lies below the lakehouse URL."""
        return f"{self.layer}/{self.short_name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Every column, in the order of the contract."""
        return tuple(column.name for column in self.columns)

    @property
    def decoded_columns(self) -> tuple[Column, ...]:
        """The columns that come from the item, directly or as a business date, or from its batch."""
        return tuple(each for each in self.columns if each.source is not None or each.business_date_of or each.of_batch)

    @property
    def row_id(self) -> tuple[str, ...]:
        """What tells rows apart: the key; in a loaded table without one the place from which a row came."""
        return self.key or ((BATCH_ID, _LINE.name) if self.is_replaced else ())

    @property
    def is_replaced(self) -> bool:
        """Whether it is loaded partition by partition, each from one batch that replaces it."""
        return any(column.of_batch for column in self.columns)

    @property
    def business_columns(self) -> tuple[str, ...]:
        """The columns whose change restates a day (rule H3): all that do not start with `_`."""
        return tuple(name for name in self.column_names if not name.startswith("_"))

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when the contract has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}; it has {', '.join(self.column_names)}")
