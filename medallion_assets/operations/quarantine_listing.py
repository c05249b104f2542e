"""What lies in quarantine: what `medallion quarantine show` answers.

Belongs here: figures and rows of one quarantine table.
Does not: putting rows there, or driving them again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.chosen_rows import chosen_rows
from medallion_assets.refining.events import POSITION
from medallion_assets.refining.quarantine import quarantine_table


@dataclass(frozen=True, kw_only=True)
class QuarantineListing:
    """The rows that were asked for: how many, how many of them were redriven since, and the first of them.

    `waiting_by_reason` counts those that were not redriven; a row with several reasons counts for each.
    """

    table: str
    total: int = 0
    redriven: int = 0
    waiting_by_reason: dict[str, int] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


def list_quarantine(
    lakehouse: Lakehouse,
    table: Table,
    *,
    exports: Collection[str] = (),
    reasons: Collection[str] = (),
    limit: int = 20,
) -> QuarantineListing:
    """List quarantined rows of an exported table, by export, file and line; those that were redriven come last.

    Raises:
        PermanentError: an export or a reason that there is not is named.
    """
    contract = quarantine_table(table)
    if not lakehouse.exists(contract):
        return QuarantineListing(table=contract.name)
    rows = lakehouse.open(contract).scan().filter(chosen_rows(lakehouse, table, exports, reasons))
    is_waiting = pl.col("redriven_at").is_null()
    total, redriven = rows.select(pl.len(), (~is_waiting).sum()).collect(engine="streaming").row(0)
    counted = rows.filter(is_waiting).select(pl.col("reasons").explode().value_counts(sort=True).struct.unnest())
    return QuarantineListing(
        table=contract.name,
        total=total,
        redriven=redriven,
        waiting_by_reason=dict(counted.collect(engine="streaming").iter_rows()),
        rows=rows.sort(~is_waiting, *POSITION).head(limit).collect(engine="streaming").to_dicts(),
    )
