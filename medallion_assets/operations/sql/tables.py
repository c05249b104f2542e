"""Tables by the names that a query gives them: `silver.orders`, `silver.orders_all`, `silver."orders@12"`.

Belongs here: what a name means, names that are nearly right, and opening the version that is meant.
Does not: views.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.as_of import version_as_of
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import MissingTableError, PermanentError
from medallion_assets.operations.tables.every import every_table

LAYERS = ("silver", "gold", "bronze", "quarantine", "operations")
ALL = "_all"
NAME = re.compile(r"(?P<table>[^@]+)(?:@(?P<version>.+))?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTable:
    """A table as a query names it. `version` is a number, a moment, or None for the present one."""

    table: Table
    name: str
    with_tombstones: bool = False
    version: int | datetime | None = None


def layers(catalog: Catalog) -> tuple[str, ...]:
    """Where a bare name is looked for, in this order; layers of a pipeline's own come last."""
    own = {table.layer for table in every_table(catalog)}.difference(LAYERS)
    return (*LAYERS, *sorted(own))


def find_table(catalog: Catalog, schema: str, name: str) -> NamedTable | None:
    """The table that a query names; None when there is none of that name. Case counts for nothing, as in SQL.

    Raises:
        PermanentError: what follows the `@` is no version and no moment.
    """
    match = NAME.fullmatch(name)
    if match is None:
        return None
    version = None if match["version"] is None else read_version(match["version"])
    wanted = match["table"].lower()
    for layer in layers(catalog) if not schema else (schema.lower(),):
        of_layer = {table.short_name.lower(): table for table in every_table(catalog) if table.layer == layer}
        if table := of_layer.get(wanted):
            return NamedTable(table=table, name=name, version=version)
        if wanted.endswith(ALL) and (table := of_layer.get(wanted.removesuffix(ALL))):
            return NamedTable(table=table, name=name, version=version, with_tombstones=True)
    return None


def read_version(text: str) -> int | datetime:
    """A version number, or a moment as `read_moment` takes it."""
    return int(text) if text.isdecimal() else read_moment(text)


def read_moment(text: str) -> datetime:
    """A moment in ISO 8601; one without a zone is UTC.

    Raises:
        PermanentError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise PermanentError(
            "there is no such timestamp or version",
            expected="a timestamp in ISO 8601, such as 2026-11-01T00:00:00Z; or after an @ the number of a version",
            found=repr(text),
            do="correct it",
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def named_table(catalog: Catalog, name: str) -> Table:
    """The table of a name that stands alone, such as `silver.orders` or `orders`.

    Raises:
        PermanentError: there is none.
    """
    schema, _, short_name = name.strip().replace('"', "").rpartition(".")
    found = find_table(catalog, schema, short_name)
    if found is None:
        raise no_such_table(catalog, schema, short_name)
    return found.table


def no_such_table(catalog: Catalog, schema: str, name: str) -> PermanentError:
    """The error for a name that no table has, with those that are nearly the same."""
    names = [table.name for table in every_table(catalog)]
    asked = f"{schema}.{name}" if schema else name
    by_short_name = {table.short_name: table.name for table in every_table(catalog)}
    near = get_close_matches(asked.lower(), names, n=3) or [
        by_short_name[short] for short in get_close_matches(name.lower(), by_short_name, n=3)
    ]
    return PermanentError(
        f"there is no table {asked}",
        expected=f"such as {', '.join(near or names)}",
        found=asked,
        do="\\d lists the tables and what else their names may say",
    )


def open_version(lakehouse: Lakehouse, named: NamedTable, as_of: datetime | None = None) -> Snapshot | None:
    """The version that is meant, that of the moment `as_of` where the name says none; None when there are no rows yet.

    Raises:
        MissingTableError: the table has not been made yet, or not by that moment; or there is no lakehouse.
        PermanentError: it has no such version.
        UnreadableTableError, PermanentError, TransientError: it cannot be read.
    """
    table, version = named.table, named.version if named.version is not None else as_of
    latest = lakehouse.find(table)
    may_be_empty = table.begins_empty and not isinstance(version, int)
    if latest is None and may_be_empty:
        _expect_lakehouse(lakehouse)
        return None
    if latest is None:
        return lakehouse.open(table)  # which says what is missing
    if isinstance(version, datetime):
        found = version_as_of(latest, version)
        if found is None and not may_be_empty:
            raise MissingTableError(
                f"{table.name} did not exist yet at {version.isoformat()}",
                expected=f"a moment from {latest.made_at.isoformat()} on",
                found=version.isoformat(),
                do="use a later timestamp",
            )
        if found is None:
            return None
        version = found
    if version is None or version == latest.version:
        return latest
    if version > latest.version:
        raise PermanentError(
            f"{table.name} has no version {version}",
            expected=f"0 to {latest.version}",
            found=str(version),
            do="use an existing version",
        )
    return lakehouse.open(table, version)


def _expect_lakehouse(lakehouse: Lakehouse) -> None:
    """Refuse a place without any table: a mistyped one must not look like a lakehouse in which nothing is wrong."""
    if not any(map(lakehouse.exists, every_table(lakehouse.catalog))):
        raise MissingTableError(
            "there is no lakehouse",
            expected=f"some table below {lakehouse.url}",
            found="none",
            do="set MEDALLION_LAKEHOUSE_URL to the place of the tables; or run a stage first, which creates them",
        )
