"""A publish under way: of which version of Gold, by which run, and when.

Belongs here: what tests of publishing days and items begin with. Does not: rows, or what becomes of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.publisher import GoldVersion, Publish

NOW = datetime(2125, 3, 5, 9, tzinfo=UTC)
"""To come: DynamoDB Local removes what has expired."""


def under_way(
    table: BudgetedTable,
    version: int,
    *,
    generation: int = 0,
    table_id: str = "gold",
    run_id: str = "run-1",
    **options: Any,
) -> Publish:
    source = GoldVersion(table_id=table_id, version=version, generation=generation)
    return Publish(table=table, source=source, run_id=run_id, now=NOW, **options)
