"""Published tables: what a user says of a Gold table that is brought to DynamoDB.

Belongs here: the two ways, and the contract of the DynamoDB table that follows from Gold's.
Does not: writing to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from medallion_assets.contracts.columns import IS_DELETED
from medallion_assets.contracts.declared import AsOf, Daily, Gold, Monthly
from medallion_assets.contracts.policies import EXPORT_AGE_HOURS, GOLD_FRESHNESS_HOURS, Limits
from medallion_assets.contracts.table import Column, Date, Decimal, Integer, Table, Text, TimestampUtc

SERVING_LIMITS = Limits(retries=2)
DAY_KEYS = ("metric_date", "row_key")
AS_OF_DATE, GOLD_VERSION = "as_of_date", "gold_version"
BEGUN_AS_OF, BEGUN_VERSION, WRITE_ALL, OVERTAKEN = "begun_as_of_date", "begun_version", "write_all", "overtaken"
KEY_ENCODING, ITEM_FORM, ROWS_LEFT_OUT = "key_encoding", "item_form", "rows_left_out"
"""What the watermark of a table of items says of the publishes before (publishing.items.watermark)."""
KEY_TYPES = (Text, Integer, Decimal, Date, TimestampUtc)
"""Of columns that can be keys: DynamoDB has keys of text and of numbers."""
EXPIRES_AT = "expires_at"
"""What publishing itself says of a row of a day; of an item that vanished (a tombstone) both."""
GOLD_COMMIT, GOLD_COMMIT_VERSION = "gold_commit", "gold_commit_version"
"""What `#owner` says of the newest commit of Gold that a publish began with (publishing.put_back)."""
_OF_OWNERS = frozenset(
    {"lakehouse_id", "place", "table_id", "since", "by", "why", "generation", "turn", "turn_run_id", "turn_began_at"}
    | {GOLD_COMMIT, GOLD_COMMIT_VERSION}
)
_OF_ANY = _OF_OWNERS | {ROWS_LEFT_OUT, "published_at", "run_id", "complete_until", "is_complete", EXPIRES_AT}
OWN_NAMES_OF_DAYS = _OF_ANY | {"version", "row_count"}
OWN_NAMES_OF_ITEMS = _OF_ANY | {
    *(IS_DELETED, AS_OF_DATE, GOLD_VERSION, BEGUN_AS_OF, BEGUN_VERSION, WRITE_ALL, OVERTAKEN, KEY_ENCODING, ITEM_FORM),
}
"""The attributes of items of our own, which no key of such a table may be called."""


@dataclass(frozen=True, kw_only=True)
class _Publishing:
    """A Gold table as a DynamoDB table, which is called `to`.

    `export_age_hours` is how old a batch may be once readers see what it changed (rule V5); None: as old as it is.
    With `together` a day waits for the other published Gold tables that are made from the same source (rule P6).
    """

    gold: Daily | AsOf
    to: str
    description: str = ""
    limits: Limits = SERVING_LIMITS
    freshness_hours: float | None = GOLD_FRESHNESS_HOURS
    export_age_hours: float | None = EXPORT_AGE_HOURS
    together: bool = True

    @property
    def row_columns(self) -> tuple[str, ...]:
        """The columns of Gold that tell the rows of a day apart."""
        return tuple(name for name in self.gold.table.key if name != self.gold.table.partition_by)


@dataclass(frozen=True, kw_only=True)
class PublishDays(_Publishing):
    """Each day of a Gold table as rows of a DynamoDB table, whole or not at all (rule P1).

    `keys` are the names of its partition key, the day, and of its sort key: the version and the row's key in it.
    """

    gold: Daily
    keys: tuple[str, str] = DAY_KEYS

    def __post_init__(self) -> None:
        """Refuse another Gold table than one of days, and names that a DynamoDB table of ours cannot have.

        Raises:
            PermanentError: with the table, and its kind or the names.
        """
        _expect_kind(self.gold, Daily, otherwise="PublishItems brings the latest state of each key of an AsOf")
        table, values = self.gold.table, {*self.value_columns}
        _expect_free(table, self.keys, OWN_NAMES_OF_DAYS | values, do="choose other names: keys=(day, row)")
        if EXPIRES_AT in values:
            raise table.wrong(
                f"no column {EXPIRES_AT}, which is when a row expires", EXPIRES_AT, do="rename it in Gold"
            )

    @property
    def value_columns(self) -> tuple[str, ...]:
        """The columns of Gold that a row holds: all but the day, which is the partition key."""
        return tuple(name for name in self.gold.table.column_names if name != self.gold.table.partition_by)

    @cached_property
    def table(self) -> Table:
        """The contract of the DynamoDB table; its columns are Gold's."""
        day, row = self.keys
        row_key = "#".join(("version", *self.row_columns))
        return Table(
            name=f"serving.{self.to}",
            description=self.description or _as_served(self.gold.table),
            key=self.keys,
            columns=(
                Column(day, Text(trim=False), "the business day, YYYY-MM-DD; the partition key"),
                Column(row, Text(trim=False), f"{row_key}, #current (the pointer), or #owner"),
                *(self.gold.table.column(name) for name in self.value_columns),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class PublishItems(_Publishing):
    """A Gold table as of days as the items of a DynamoDB table: the latest state of each key (rule P2).

    `without` are columns that are not stored: those that only the clock changes are the reader's to compute.
    """

    gold: AsOf
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse another Gold table than one as of days, and keys and names that a DynamoDB table cannot have.

        Raises:
            PermanentError: with the Gold table, and its kind, its key or the names.
        """
        _expect_kind(self.gold, AsOf, otherwise="PublishDays brings the days of a Daily")
        table = self.gold.table
        if len(self.keys) not in (1, 2) or not all(isinstance(table.column(key).type, KEY_TYPES) for key in self.keys):
            expected = (
                "one or two columns of text, exact numbers or days in its key beside the day, to be the keys of items"
            )
            raise table.wrong(expected, ", ".join(self.keys) or "none", do="publish its days, or give it such a key")
        _expect_free(table, self.keys, OWN_NAMES_OF_ITEMS, do="rename the key in Gold")
        if reserved := {EXPIRES_AT, IS_DELETED} & {*self.value_columns}:
            named = ", ".join(sorted(reserved))
            do = f"leave it out, without={(*self.without, *sorted(reserved))!r}, or rename it in Gold"
            raise table.wrong(f"no column {named}: an item that vanished is marked so", named, do=do)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that are the partition key and, if there are two, the sort key: Gold's key without the day."""
        return self.row_columns

    @property
    def value_columns(self) -> tuple[str, ...]:
        """The columns of Gold that an item holds, its key among them."""
        left_out = {self.gold.table.partition_by, *self.without}
        return tuple(name for name in self.gold.table.column_names if name not in left_out)

    @cached_property
    def table(self) -> Table:
        """The contract of the DynamoDB table; its columns are Gold's, and the pair that a publish carries."""
        gold = self.gold.table
        values = [gold.column(name) for name in self.value_columns if name not in self.keys]
        return Table(
            name=f"serving.{self.to}",
            description=self.description or _as_served(gold),
            key=self.keys,
            columns=(
                *(_key_column(gold.column(key)) for key in self.keys),
                Column(AS_OF_DATE, Date(), "the business day as of which these figures were last written"),
                Column(GOLD_VERSION, Integer(), f"the version of {gold.name} they come from, numbered by rule P5"),
                *values,
            ),
        )


Published = PublishDays | PublishItems


def _expect_kind(gold: Gold, kind: type[Gold], *, otherwise: str) -> None:
    """Refuse a Gold table that cannot be published so: months are not published at all."""
    if not isinstance(gold, kind) or isinstance(gold, Monthly):
        do = "read its months with `medallion sql`" if isinstance(gold, Monthly) else otherwise
        raise gold.table.wrong(f"a {kind.__name__} Gold table to publish so", type(gold).__name__, do=do)


def _expect_free(table: Table, keys: tuple[str, ...], taken: frozenset[str], *, do: str) -> None:
    """Refuse keys named as each other, or as anything else that an item holds."""
    if wrong := sorted({name for name in keys if not name or name in taken or keys.count(name) > 1}):
        expected = "keys of different names, which no column has, and no attribute that publishing itself writes"
        raise table.wrong(expected, ", ".join(map(repr, wrong)), do=do)


def _key_column(column: Column) -> Column:
    if isinstance(column.type, Text):
        return Column(column.name, Text(trim=False), "a key, percent-encoded if with % or # in front")
    return column.derived


def _as_served(gold: Table) -> str:
    return f"{gold.description.removesuffix('.')}, as the API reads them."
