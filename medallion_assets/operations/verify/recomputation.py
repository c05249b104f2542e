"""Recomputation: Silver once more from Bronze, in a scratch lakehouse, and whether the two are equal.

Belongs here: applying every settled batch again, in order, and naming the rows that differ.
Does not: deciding which batches count; the ledger is taken as it stands, and rows that wait in quarantine stay out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from medallion_assets.contracts.columns import REDRIVEN_AT
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.replacing.partitions import parts_of
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.engines.pieces import row_count
from medallion_assets.operations.verify.findings import Finding, rebuild
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.events import POSITION
from medallion_assets.refining.judging.judging import judge_batches
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets.refining.rebuilding.replay import JudgedCopy

SHOWN_KEYS = 5


def recompute(
    lakehouse: Lakehouse, loaded: Loaded, scratch: Lakehouse, *, progress: Callable[[int], None] = lambda _lines: None
) -> int:
    """Make a judged table in the lakehouse `scratch` from the Bronze of the other. `progress` counts lines.

    Gives the number of records that were good when they were judged and are bad under the current contract: unless it
    is 0, Silver cannot be repeated, and what lies in `scratch` is not to be used.
    """
    table = loaded.table
    bronze, silver = lakehouse.open(bronze_table(table.short_name)), lakehouse.open(table)
    ledger = Ledger.read(loaded, bronze, silver).with_every_rejected(silver)
    waiting = _waiting(lakehouse, table)
    replay = JudgedCopy(loaded=loaded, scratch=scratch, quarantined_in=lakehouse, origins=ledger.origins)
    for group in replay.groups(ledger.applied):
        with lakehouse.workspace() as folder:
            judged = judge_batches(bronze, loaded, group, folder)
            bad = pl.concat([part.select(POSITION) for part in judged.bad])
            if stricter := row_count(bad.join(waiting, on=POSITION, how="anti")):
                return stricter
            replay.apply(group, [part.join(waiting, on=POSITION, how="anti") for part in judged.good], folder)
        progress(sum(batch.records for batch in group))
    return 0


def differences(stored: Snapshot, recomputed: Snapshot) -> Iterator[Finding]:
    """One finding for each partition (a table without them: for the whole) whose rows differ."""
    table = stored.table
    partitioned = table.partition_by is not None
    days = sorted({*stored.partitions, *recomputed.partitions}, key=str) if partitioned else [None]
    for day in days:
        parts = (
            tuple(rows_in(version, day).filter(chosen).collect() for version in (stored, recomputed))
            for chosen in parts_of(day, stored, recomputed)
        )
        if finding := difference(table, day, parts, given="as Bronze gives them"):
            yield finding


def difference(
    table: Table, day: date | None, parts: Iterable[tuple[pl.DataFrame, ...]], *, given: str
) -> Finding | None:
    """The finding for a partition, or for a table without them; None where its rows are what they should be.

    `parts` are some rows that the table holds, with those that it should hold, `given` where these come from.
    """
    found = _Differing(keys=pl.DataFrame())
    for held, should in parts:
        found = found.plus(held, should, key=table.row_id)
    if not found.any:
        return None
    where = f" in {table.partition_by} {day}" if table.partition_by else ""
    look = "`medallion explain` explains one key; " if table.key and table.is_loaded else ""
    return Finding(
        table=table.name,
        check="equals_recomputation",
        expected=f"{found.should} rows{where} {given}",
        found=f"{found.held} rows, {found.wrong} of them other, {found.missing} missing; keys such as "
        f"{found.keys.unique(maintain_order=True).rows()[:SHOWN_KEYS]}",
        do=f"{look}{rebuild(table)}",
    )


@dataclass(frozen=True, kw_only=True)
class _Differing:
    """How two versions of a partition differ: rows that are wrong or missing, how many there are and should be."""

    keys: pl.DataFrame
    wrong: int = 0
    missing: int = 0
    held: int = 0
    should: int = 0

    @property
    def any(self) -> bool:
        """Whether they do."""
        return bool(self.wrong or self.missing or self.held != self.should)

    def plus(self, held: pl.DataFrame, should: pl.DataFrame, *, key: Sequence[str]) -> _Differing:
        """With some more of their rows."""
        wrong = held.join(should, on=held.columns, how="anti", nulls_equal=True)
        missing = should.join(held, on=held.columns, how="anti", nulls_equal=True)
        shown = pl.concat([wrong, missing]).select(key).head(2 * SHOWN_KEYS)
        return _Differing(
            keys=pl.concat([self.keys, shown]) if self.keys.width else shown,
            wrong=self.wrong + wrong.height,
            missing=self.missing + missing.height,
            held=self.held + held.height,
            should=self.should + should.height,
        )


def rows_in(version: Snapshot, day: date | None) -> pl.LazyFrame:
    """The rows of a partition; of a table without them, all."""
    return version.scan() if version.table.partition_by is None else version.scan(partitions=[day])


def _waiting(lakehouse: Lakehouse, table: Table) -> pl.LazyFrame:
    """Where the rows stand that wait in quarantine."""
    contract = quarantine_table(table)
    if not lakehouse.exists(contract):
        return pl.LazyFrame(schema={name: polars_schema(contract)[name] for name in POSITION})
    return lakehouse.open(contract).scan().filter(pl.col(REDRIVEN_AT).is_null()).select(POSITION)
