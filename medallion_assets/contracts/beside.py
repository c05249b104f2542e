"""What is kept beside a loaded table is called after it: no pipeline may declare another table of such a name.

Belongs here: these names.
Does not: the tables.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.contracts.table import Table


def bronze_name(short_name: str) -> str:
    """The table of the batches of a loaded table, by that one's name without its layer."""
    return f"bronze.{short_name}"


def events_name(table: Table) -> str:
    """The log of valid events behind a history table."""
    return f"{table.name}_events"


def quarantine_name(table: Table) -> str:
    """The table of the bad records of a loaded table."""
    return f"quarantine.{table.short_name}"


def names_beside(table: Table) -> Iterator[str]:
    """The names of all that is kept beside a loaded table."""
    yield bronze_name(table.short_name)
    if table.history:
        yield events_name(table)
    yield quarantine_name(table)
