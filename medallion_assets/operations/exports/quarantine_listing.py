"""What lies in quarantine, or would once an export that waits is accepted: what `medallion quarantine show` answers.

Belongs here: figures and rows of one quarantine table, and bad rows of one export that is not settled.
Does not: putting rows there, or driving them again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from medallion_assets.contracts.columns import REDRIVEN_AT
from medallion_assets.contracts.expectations import Action
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.errors.long_texts import largest_first
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.chosen_rows import chosen_rows
from medallion_assets.refining.judging.events import POSITION
from medallion_assets.refining.judging.judging import judge_batches
from medallion_assets.refining.judging.quarantine import quarantine_rows, quarantine_table
from medallion_assets.refining.ledger.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class QuarantineListing:
    """The rows that were asked for: how many, how many of them were redriven since, and the first of them.

    `waiting_by_reason` counts those that were not redriven; a row with several reasons counts for each. `held` is the
    export whose rows these are, if it waits: its bad ones, and those that break an `expect_or_fail`, whose names are
    in `stops`.
    """

    table: str
    total: int = 0
    redriven: int = 0
    waiting_by_reason: dict[str, int] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    held: str = ""
    stops: list[str] = field(default_factory=list)


def list_quarantine(
    lakehouse: Lakehouse,
    table: Table,
    *,
    batches: Collection[str] = (),
    reasons: Collection[str] = (),
    limit: int = 20,
) -> QuarantineListing:
    """List quarantined rows of an exported table, by export, file and line; those that were redriven come last.

    Raises:
        PermanentError: an export or a reason that there is not is named.
    """
    contract, chosen = quarantine_table(table), chosen_rows(lakehouse, table, batches, reasons)
    if not lakehouse.exists(contract):
        return QuarantineListing(table=contract.name)
    rows = lakehouse.open(contract).scan().filter(chosen)
    is_waiting = pl.col(REDRIVEN_AT).is_null()
    total, redriven = rows.select(pl.len(), (~is_waiting).sum()).collect(engine="streaming").row(0)
    counted = rows.filter(is_waiting).select(pl.col("reasons").explode().value_counts(sort=True).struct.unnest())
    return QuarantineListing(
        table=contract.name,
        total=total,
        redriven=redriven,
        waiting_by_reason=dict(counted.collect(engine="streaming").iter_rows()),
        rows=rows.sort(~is_waiting, *POSITION).head(limit).collect(engine="streaming").to_dicts(),
    )


def list_held(
    lakehouse: Lakehouse, loaded: Loaded, export_id: str, *, now: datetime, limit: int = 20
) -> QuarantineListing:
    """List rows of an export that is not settled, as the current contract judges them; writes no table.

    Rows that break an `expect_or_fail` stop the export: they are listed as bad ones are, with its name as a reason.

    Raises:
        PermanentError: no batch of that id waits; the message names those that do.
    """
    table = loaded.table
    bronze, silver = lakehouse.find(bronze_table(table.short_name)), lakehouse.find(table)
    pending = [] if bronze is None or silver is None else Ledger.read(loaded, bronze, silver).pending
    export = next((export for export in pending if export.id == export_id), None)
    if bronze is None or export is None:
        raise PermanentError(
            f"no {loaded.source.batch_word} {export_id} of {table.name} waits",
            expected=f"one of those that wait: {', '.join(waiting.id for waiting in pending)}"
            if pending
            else "one that waits",
            found="it is settled, or was never loaded",
            do="correct --held, or list rows of settled batches with --export",
        )
    with lakehouse.workspace() as folder:
        judged = judge_batches(bronze, _with_all_listed(loaded), [export], folder)
        rows = quarantine_rows(pl.concat(judged.bad), now).collect(engine="streaming")
    counted = judged.counts[export_id]
    return QuarantineListing(
        table=quarantine_table(table).name,
        total=counted.bad,
        waiting_by_reason=dict(largest_first(counted.reasons)),
        rows=rows.sort(*POSITION).head(limit).to_dicts(),
        held=export_id,
        stops=[name for name in _stopping(table) if counted.reasons.get(name)],
    )


def _stopping(table: Table) -> list[str]:
    return [expectation.name for expectation in table.expectations if expectation.action is Action.FAIL]


def _with_all_listed(loaded: Loaded) -> Loaded:
    """The declaration by which a row that breaks an `expect_or_fail` is listed among the bad ones."""
    listed = (
        replace(expectation, action=Action.DROP) if expectation.action is Action.FAIL else expectation
        for expectation in loaded.table.expectations
    )
    return replace(loaded, table=replace(loaded.table, expectations=tuple(listed)))
