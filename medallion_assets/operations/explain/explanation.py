"""Explain: every record of a key, what became of each, and which one decided what Silver holds.

Belongs here: putting records, verdicts and Silver together, and whether they agree.
Does not: finding records, their verdicts, or printing (terminal).

The answer is worked out from Bronze, quarantine and the ledger, not from Silver. Silver is then compared with it:
where the two differ, something is wrong, and explain says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from medallion_assets.contracts.columns import BATCH_ID, IS_DELETED, REASONS, REDRIVEN_AT, SEQUENCE, VALID_FROM
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.shown_rows import shown_rows
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.operations.explain.key_records import key_rows, parse_key, records_of_key, some_keys
from medallion_assets.operations.explain.key_states import expected_rows
from medallion_assets.operations.explain.key_uncertainty import unknown
from medallion_assets.operations.explain.key_verdicts import (
    Fate,
    KeyRecord,
    absences,
    in_order,
    with_fates,
    with_versions,
    with_winner,
)
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.events import POSITION
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets.refining.ledger.origins import counted_sequence

DECIDING = (IS_DELETED, SEQUENCE, BATCH_ID)
"""What is compared where the current contract cannot read a record that was good when it was judged."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The records of a key, the winning order first (rule R3); what Silver holds, and what is wrong with that, if any.

    `silver` has one row (a tombstone included) or none; of a history table, every version. `unknown` is what no batch
    says of its present state. Of a key without records `alike` are some that Silver holds.
    """

    table: str
    key: dict[str, Any]
    records: list[KeyRecord]
    silver: list[dict[str, Any]]
    disagreements: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether there are records of the key, and Silver holds what they say."""
        return bool(self.records) and not self.disagreements


def explain(
    lakehouse: Lakehouse,
    loaded: Loaded,
    key_text: str,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Explanation:
    """Explain a key of an exported table.

    Raises:
        PermanentError: the key is not one of this table, or Bronze has not been made yet.
    """
    table = loaded.table
    key = parse_key(table, key_text)
    if not lakehouse.exists(bronze_table(table.short_name)):
        raise PermanentError(
            f"there is no Bronze table of {table.short_name}",
            expected=f"a Delta table at {lakehouse.uri(bronze_table(table.short_name))}",
            found="nothing",
            do=f"check MEDALLION_LAKEHOUSE_URL, or run bronze/{table.short_name}",
        )
    silver, bronze = lakehouse.find(table), lakehouse.open(bronze_table(table.short_name))  # in this order, as refine
    ledger = Ledger.read(loaded, bronze, silver)
    found = _with_quarantine(lakehouse, table, records_of_key(bronze, loaded, key, progress=progress))
    if not table.history:
        found = found.with_columns(counted_sequence(_known_ends(found, ledger)))
    present = with_fates(found, ledger)
    is_valid = pl.Series([record.verdict is Fate.SUPERSEDED for record in present], dtype=pl.Boolean)
    events = found.filter(is_valid)
    absent = absences(ledger.applied_fulls, events, found.filter("_key_is_read")[BATCH_ID])
    expected = expected_rows(loaded, events, [(record.export_id, record.sequence_micros or 0) for record in absent])
    held = key_rows(silver.scan(), table.key, key) if silver else expected.clear()
    held = held.sort(VALID_FROM) if table.history else held
    records = in_order([*present, *absent], loaded.source.order)
    return Explanation(
        table=table.name,
        key=dict(zip(table.key, key, strict=True)),
        records=with_versions(records, expected) if table.history else with_winner(records),
        silver=shown_rows(held),
        disagreements=_disagreements(records, events, expected, held),
        unknown=unknown(records, ledger),
        alike=[] if records or silver is None else some_keys(silver.scan(), table.key),
    )


def _known_ends(found: pl.DataFrame, ledger: Ledger) -> dict[str, int]:
    """Where a table of states takes what a former DynamoDB table wrote too late as older (rule B3).

    Not so where the key is bad in the full batch that ended that one: such a record says nothing then.
    """
    bad_in = set(found.filter(pl.col("reasons").is_not_null())[BATCH_ID])
    undecided = {full.decides_at for full in ledger.applied_fulls if full.id in bad_in}
    return {batch_id: end for batch_id, end in ledger.ends.items() if end not in undecided}


def _with_quarantine(lakehouse: Lakehouse, table: Table, found: pl.DataFrame) -> pl.DataFrame:
    """The records in the order of their position, with the `reasons` and `redriven_at` of those in quarantine."""
    contract = quarantine_table(table)
    found = found.sort(POSITION)
    if not lakehouse.exists(contract):
        nothing = polars_schema(contract)
        return found.with_columns(pl.lit(None, dtype=nothing[name]).alias(name) for name in ("reasons", REDRIVEN_AT))
    kept = lakehouse.open(contract).scan().select(*POSITION, "reasons", REDRIVEN_AT)
    here = kept.join(found.lazy().select(POSITION), on=POSITION, how="semi").collect(engine="streaming")
    return found.join(here, on=POSITION, how="left", maintain_order="left")


def _disagreements(
    records: Sequence[KeyRecord], events: pl.DataFrame, expected: pl.DataFrame, held: pl.DataFrame
) -> list[str]:
    """What Silver should hold and does not; columns that the current contract cannot read are not compared."""
    lost = [
        f"{record.source_file}:{record.line_number} is unaccounted for"
        for record in records
        if record.verdict is Fate.UNACCOUNTED
    ]
    if held.height != expected.height:
        return [*lost, f"Silver has {held.height} rows of this key; its records give {expected.height}"]
    is_readable = not events.select(pl.col(REASONS).list.len() > 0).to_series().any()
    names = expected.columns if is_readable else [] if VALID_FROM in expected.columns else list(DECIDING)
    pairs = list(zip(shown_rows(held.select(names)), shown_rows(expected.select(names)), strict=True))
    return lost + [
        f"{name}: Silver has {found[name]!r}, its records say {should[name]!r}"
        for name in names
        for found, should in pairs
        if found[name] != should[name]
    ]
