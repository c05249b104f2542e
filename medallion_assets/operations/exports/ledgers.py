"""The ledger of every exported table, for those who only look.

Belongs here: reading it where both tables have been made; none is made for that.
Does not: what it says.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.refused import find_readable
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.ledger.decisions import read_decisions
from medallion_assets.refining.ledger.ledger import Ledger


def read_ledgers(lakehouse: Lakehouse) -> Iterator[tuple[Table, Ledger]]:
    """Each Silver table that has been made, with what is settled of its exports."""
    for loaded in lakehouse.catalog.loaded:
        table = loaded.table
        silver, bronze = (find_readable(lakehouse, made) for made in (table, bronze_table(table.short_name)))
        if silver is not None and bronze is not None:
            yield table, Ledger.read(loaded, bronze, silver, read_decisions(lakehouse, table.short_name))
