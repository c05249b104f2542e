"""Chosen rows: which rows of a quarantine somebody means who names batches and reasons.

Belongs here: the choice, and refusing names that there are not.
Does not: what is done with the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import polars as pl

from medallion_assets.contracts.columns import BATCH_ID
from medallion_assets.contracts.expectations import UNREADABLE, Action
from medallion_assets.contracts.source import MISSING, WRONG_TYPE
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.errors.counted import number_of
from medallion_assets.refining.bronze import bronze_table, loaded_ids
from medallion_assets.refining.judging.duplicates import CONFLICTING
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.typing.numbers import TOO_MANY_DECIMALS
from medallion_assets.refining.typing.values import NOT_A_BOOLEAN

GENERAL_REASONS = frozenset(
    {
        *UNREADABLE,
        *(MISSING, WRONG_TYPE, CONFLICTING, "flag_malformed", "sequence_malformed", "write_time_outside_window"),
        *("not_a_number", NOT_A_BOOLEAN, "out_of_range", TOO_MANY_DECIMALS, "date_malformed"),
        *("timestamp_malformed", "timestamp_without_zone", "timestamp_too_old", "timestamp_in_future"),
    }
)
"""The reasons that a record of any table may have; those of expectations are called like these."""
NAMED = 10


def chosen_rows(
    lakehouse: Lakehouse, table: Table, batches: Collection[str] = (), reasons: Collection[str] = ()
) -> pl.Expr:
    """Rows of the quarantine of `table`: of some batches, with any of some reasons; of all where none are named.

    Raises:
        PermanentError: a batch that Bronze lacks, or a reason that no record can have; it lists those that there are.
    """
    kept = lakehouse.find(quarantine_table(table))
    rows = pl.LazyFrame(schema=polars_schema(quarantine_table(table))) if kept is None else kept.scan()
    if reasons:
        own = {expectation.name for expectation in table.expectations if expectation.action is Action.DROP}
        held = rows.select(pl.col("reasons").explode())
        _expect_known(table, "reason", reasons, GENERAL_REASONS | own, held.rename({"reasons": "named"}))
    if batches:
        bronze = lakehouse.find(bronze_table(table.short_name))
        known = loaded_ids(bronze) if bronze is not None else set[str]()
        _expect_known(table, "export", batches, known, rows.select(pl.col(BATCH_ID).alias("named")))
    of_batches = pl.col(BATCH_ID).is_in(list(batches)) if batches else pl.lit(value=True)
    has_reason = pl.col("reasons").list.eval(pl.element().is_in(list(reasons))).list.any()
    return of_batches & (has_reason if reasons else pl.lit(value=True))


def _expect_known(table: Table, what: str, named: Collection[str], known: Collection[str], held: pl.LazyFrame) -> None:
    if not (unknown := sorted(set(named) - set(known))):
        return
    there = Counter(dict(held.group_by("named").len().collect(engine="streaming").iter_rows()))
    if unknown := [name for name in unknown if name not in there]:
        counted = ", ".join(f"{name} ({number_of(rows, 'row')})" for name, rows in there.most_common(NAMED))
        raise PermanentError(
            f"there is no {what} of that name",
            where=f"quarantine of {table.name}",
            expected=f"one of those in quarantine: {counted}" if there else f"a {what} of this table",
            found=", ".join(unknown),
            do=f"correct --{what}, or leave it out",
        )
