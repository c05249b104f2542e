"""Tables: which DynamoDB tables come in, and every table of the lakehouse that follows from them.

Belongs here: the list that a newcomer adds a table to, and finding a contract by its name, without Dagster.
Does not: a contract itself (silver, gold), or assets (definitions.py).
"""

from __future__ import annotations

from medallion_assets.errors import PermanentError
from medallion_assets.lakehouse.contracts import Table
from medallion_assets.silver.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.silver.customers import CUSTOMERS

EXPORTED_TABLES = (CUSTOMER_TRANSACTIONS, CUSTOMERS)
"""The Silver contracts of the DynamoDB tables whose exports come in; add yours here."""


def exported_table(name: str) -> Table:
    """The Silver contract of an exported table: `customers`, `silver.customers` and `silver/customers` all name it.

    Raises:
        PermanentError: no exported table has that name; the message lists those that there are.
    """
    for table in EXPORTED_TABLES:
        if name in (table.short_name, table.name, table.path):
            return table
    raise PermanentError(
        "there is no such table",
        expected=f"one of {', '.join(table.short_name for table in EXPORTED_TABLES)}",
        found=repr(name),
        do="name one of these; a new table is added in medallion_assets/tables.py",
    )
