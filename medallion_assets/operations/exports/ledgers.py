"""The ledger of every exported table, for those who only look.

Belongs here: reading it where both tables have been made; none is made for that.
Does not: what it says.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.refused import find_readable
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.ledger.ledger import Ledger


def read_ledgers(lakehouse: Lakehouse) -> Iterator[Ledger]:
    """What is settled of the exports of each Silver table that has been made."""
    for loaded in lakehouse.catalog.loaded:
        silver = find_readable(lakehouse, loaded.table)
        bronze = find_readable(lakehouse, bronze_table(loaded.table.short_name))
        if silver is not None and bronze is not None:
            yield Ledger.read(loaded, bronze, silver)
