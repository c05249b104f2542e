"""Contracts: what a table is. Every other place that needs a fact about a table asks its contract.

Belongs here: the vocabulary (Table, Column, the column types) in which the layers describe their tables.
Does not: any single table; how a type is decoded (refining.typing.decode) or stored (delta.table).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from medallion_assets.contracts.expectations import Expectation
from medallion_assets.contracts.source import Source
from medallion_assets.errors import PermanentError

BUSINESS_TIME_ZONE = "America/Los_Angeles"
"""Business days are days in this zone (rule T5)."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string (DynamoDB `S`); trimmed and put in one case unless it is a key (rule T3)."""

    case: Literal["upper", "lower"] | None = None
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
class Date:
    """A day (DynamoDB `S`, `YYYY-MM-DD`)."""


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false (DynamoDB `BOOL`)."""


@dataclass(frozen=True, slots=True)
class TextList:
    """A list of strings; made by this project, never read from an item."""


TABLE_ARN = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]{3,255}")
"""Of a DynamoDB table."""
MOST_SLACK_HOURS = 24 * 366
ANOTHER_NAME = "give the column another name; its source, the name of the attribute, may be any"

Type = Text | Integer | Decimal | Float | TimestampUtc | Date | Boolean | TextList
Money = Decimal(18, 4)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    `source` is the item's attribute that fills it. `business_date_of` names a TimestampUtc column of the same table
    whose day in BUSINESS_TIME_ZONE fills it. A column with neither is filled by the stage that writes the table.
    A column that is not `nullable` is required: an item without it is bad (`missing`).
    Without `has_bounds` the log does not say between which values a file's lie: for long text that nobody looks up.
    """

    name: str
    type: Type
    description: str
    source: str | None = None
    business_date_of: str | None = None
    nullable: bool = False
    has_bounds: bool = True


_HISTORY = (
    Column("valid_from", TimestampUtc(), "from when this version held, inclusive"),
    Column("valid_to", TimestampUtc(), "until when this version held, exclusive; null while it does", nullable=True),
    Column("is_current", Boolean(), "the last version of a key that is not deleted"),
)
_STAGE = (
    Column("is_deleted", Boolean(), "the key was deleted: a tombstone, or a version that ended so"),
    Column("_sequence_micros", Integer(), "when this state was written, microseconds since 1970 (rule R1)"),
    Column("_export_id", Text(), "the export that decided this row"),
)
HISTORY_COLUMNS = tuple(column.name for column in _HISTORY)
"""What a history table says of each version."""
STAGE_COLUMNS = tuple(column.name for column in _STAGE)
"""What every loaded table says of each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """When a change may trigger a run: both must hold, and both may be 0. They mean what Lakeflow Jobs' do.

    `min_time_between_triggers_seconds` counts from the last trigger; `wait_after_last_change_seconds` starts anew with
    every change.
    """

    min_time_between_triggers_seconds: int = 300
    wait_after_last_change_seconds: int = 60


AT_ONCE = Timers(min_time_between_triggers_seconds=0, wait_after_last_change_seconds=0)
"""Right after the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long the stage that writes a table may take, how often it is tried again, and when it counts as unhealthy.

    A run ends after `time_limit_seconds`, which counts as one of its `retries` if `retry_on_timeout`. A run that lasts
    over `health_seconds` (attempts and waits included) or a process over `health_peak_bytes` raises an alert and goes
    on.
    """

    time_limit_seconds: int = 3600
    retries: int = 1
    retry_on_timeout: bool = False
    health_seconds: int = 7200
    health_peak_bytes: int = 8 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table's contract.

    `name` is `layer.table`. `key` identifies a row. `source` is where its batches come from, if it is loaded: then it
    has, after its own columns, those that every loaded table has.
    `history` keeps every version of a key (rule H1) instead of its present state.
    `quality_threshold` (a share from 0 to 1) and `quality_min_bad_records` are the gate of rule C3.
    `write_time_slack_hours`: so far outside its export's window may a record have been written (rule R1).
    `max_delete_share` (0 to 1) and `max_delete_min_rows`: what a full export deletes by absence unasked (rule C7).
    `chain_starts_at` lets a chain of incremental exports begin without a full export (rule C1).
    `source_arn` is the DynamoDB table that the exports are of, else that of the first one loaded; `accepts` are other
    ARNs whose exports are taken as well: that table was moved or restored there on purpose (rule B3).
    `arrival_timers` (an exported table) delay loading its exports, `update_timers` what an update of its source starts.
    `freshness_hours` is the age at which the table counts as stale; None when nothing promises one.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    partition_by: str | None = None
    expectations: tuple[Expectation, ...] = ()
    quality_threshold: float = 0.98
    quality_min_bad_records: int = 10
    write_time_slack_hours: float = 24
    max_delete_share: float = 0.5
    max_delete_min_rows: int = 100
    history: bool = False
    chain_starts_at: datetime | None = None
    source_arn: str | None = None
    accepts: tuple[str, ...] = ()
    arrival_timers: Timers = Timers()
    update_timers: Timers = Timers(wait_after_last_change_seconds=120)
    limits: Limits = Limits()
    freshness_hours: float | None = None
    owners: tuple[str, ...] = field(default=("team:data-platform",))
    source: Source | None = None

    def __post_init__(self) -> None:
        """Add the columns of a loaded table; refuse a contract that contradicts itself, before its first run does.

        Raises:
            PermanentError: with the table, what is missing, and what to add.
        """
        if self.source is not None:
            added = (*(_HISTORY if self.history else ()), *_STAGE)
            lacking = (column for column in added if column.name not in self.column_names)
            object.__setattr__(self, "columns", (*self.columns, *lacking))
        names = self.column_names
        if "." not in self.name:
            raise self.wrong("a name of the form layer.table", self.name)
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise self.wrong("columns of different names", f"several of {', '.join(repeated)}")
        used = [*self.key, *([self.partition_by] if self.partition_by else [])]
        used += [column.business_date_of for column in self.columns if column.business_date_of]
        if missing := [name for name in used if name not in names]:
            raise self.wrong(f"columns {', '.join(missing)}", f"only {', '.join(names)}")
        arns = (*([self.source_arn] if self.source_arn is not None else []), *self.accepts)
        if strange := [arn for arn in arns if not TABLE_ARN.fullmatch(arn)]:
            raise self.wrong("ARNs arn:<partition>:dynamodb:<region>:<account>:table/<name>", ", ".join(strange))
        for column in self.decoded_columns:
            self._expect_decodable(column)
        limits = {
            "quality_threshold": (self.quality_threshold, 1),
            "write_time_slack_hours": (self.write_time_slack_hours, MOST_SLACK_HOURS),
            "max_delete_share": (self.max_delete_share, 1),
        }
        for name, (limit, most) in limits.items():
            if not 0 <= limit <= most:
                raise self.wrong(f"{name} from 0 to {most}", repr(limit))

    def _expect_decodable(self, column: Column) -> None:
        """Refuse a column that no item can fill, or whose name is a column of our own: the two would be mixed up."""
        reserved = {"raw", *STAGE_COLUMNS, *(HISTORY_COLUMNS if self.history else ())}
        name = column.name
        if name in reserved or name.startswith("_"):
            raise self.wrong(
                "names of columns that items fill which are not reserved: no leading _, and none of "
                + ", ".join(sorted(one for one in reserved if not one.startswith("_"))),
                f"column {name!r}, filled from {column.source or column.business_date_of!r}",
                do=ANOTHER_NAME,
            )
        is_pattern = name in ("", "*") or (name.startswith("^") and name.endswith("$"))
        if is_pattern or any(ord(character) < ord(" ") for character in name):
            expected = "names of columns that are no patterns (*, ^...$) and have no control characters"
            raise self.wrong(expected, f"column {name!r}", do=ANOTHER_NAME)
        if column.source is not None and column.business_date_of is not None:
            raise self.wrong("a source or business_date_of for a column", f"both for {name}")
        if isinstance(column.type, Float | TextList):
            raise self.wrong(
                "types that an item can hold: Text, Integer, Decimal, TimestampUtc, Date, Boolean",
                f"{type(column.type).__name__} for {name}, which has a source",
            )
        if column.business_date_of is not None:
            moment = self.column(column.business_date_of)
            if moment.source is None or not (isinstance(moment.type, TimestampUtc) and isinstance(column.type, Date)):
                raise self.wrong(
                    "business_date_of on a Date, naming a TimestampUtc that has a source",
                    f"{name}: {type(column.type).__name__} of {moment.name}: {type(moment.type).__name__}",
                )

    def wrong(self, expected: str, found: str, *, do: str = "correct the contract") -> PermanentError:
        """The error for a contract that cannot be kept."""
        return PermanentError(f"the contract of {self.name} cannot be kept", expected=expected, found=found, do=do)

    @property
    def loaded_from(self) -> Source:
        """The source of a loaded table.

        Raises:
            PermanentError: it is not loaded from anywhere.
        """
        if self.source is None:
            raise self.wrong("a source, for its rows to be loaded from", "none", do="name it: source=DynamoDBExports()")
        return self.source

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
        """The columns that come from the item, directly or as a business date."""
        return tuple(column for column in self.columns if column.source is not None or column.business_date_of)

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
