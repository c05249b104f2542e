"""Refine: take what Bronze holds and Silver has not settled, judge it, publish it (rules C1 to C6).

Belongs here: the order of the steps, which makes a crash between any two of them harmless.
Does not: the steps themselves.

One round settles one group of batches in one commit of Silver. Before it, and under transactions of their own, the bad
records go to quarantine; a repeated round finds them there. Data, checkpoint and the days restated are one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.notes.commit_notes import RESTATED
from medallion_assets.delta.notes.source_versions import SourceVersion
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.engines.aside import Place
from medallion_assets.refining.judging.gate import Gate
from medallion_assets.refining.judging.judging import Judged, judge_batches
from medallion_assets.refining.judging.quarantine import bad_keys, quarantine
from medallion_assets.refining.ledger.decisions import DecisionAction
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.ledger.ledger import Ledger, Tables
from medallion_assets.refining.mass_deletes import with_deletes
from medallion_assets.refining.merging.change import Change
from medallion_assets.refining.merging.history_table import merge_history
from medallion_assets.refining.merging.merge import merge
from medallion_assets.refining.refined import Failing, Refined, settled_notes
from medallion_assets.refining.replace import refine_partitions


def refine(
    lakehouse: Lakehouse,
    loaded: Loaded,
    *,
    now: datetime,
    threshold: float | None = None,
    min_bad_records: int | None = None,
    only: Collection[date] = (),
    done: Refined | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Refined:
    """Settle every batch that can be settled, up to the first that fails the gate.

    Batches that are a month each do not wait for each other: all that pass are settled; `only` names months to look at.
    `threshold` and `min_bad_records` override what is declared for this run. `now` dates quarantine rows
    and nothing else. `done` is what an earlier call, which an error ended, had done: this one adds to it.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    done = done or Refined()
    gate = Gate.of(loaded.gate, threshold, min_bad_records)
    if loaded.months is not None:
        return refine_partitions(lakehouse, loaded, gate=gate, now=now, only=only, done=done, progress=progress)
    while True:
        ledger = until_committed(lambda: _round(lakehouse, loaded, gate, now, done, progress))
        if ledger is not None:
            done.gaps, done.unprotected_minute = ledger.gaps, ledger.unprotected_minute
            return done


def _round(
    lakehouse: Lakehouse, loaded: Loaded, gate: Gate, now: datetime, done: Refined, progress: Callable[[str], None]
) -> Ledger | None:
    """Settle one group; give the ledger when nothing more can be settled."""
    table = loaded.table
    silver, bronze, ledger = Tables.open(lakehouse, loaded)
    done.version = silver.version
    group = ledger.next_group(lakehouse.engine.bounds.commit_rows)
    if not group:
        return ledger
    asked = [batch for batch in group if ledger.decision(batch) is not DecisionAction.REJECT]
    progress(f"{table.name}: judging {', '.join(batch.id for batch in asked) or 'nothing: all were rejected'}")
    with lakehouse.workspace() as folder:
        judged = judge_batches(bronze, loaded, asked, folder)
        judged.counts.update(with_deletes(silver, ledger, asked, judged, gate))
        gate_result = _pass_gate(group, judged, ledger, gate)
        if gate_result.applied or gate_result.rejected:
            source = SourceVersion.of(bronze)
            change = _publish(silver, ledger, gate_result, judged, now, folder)
            done.version = commit_change(
                silver,
                change,
                ledger.transactions(gate_result.ids, gate_result.rejected),
                settled_notes(silver, ledger, gate, source, gate_result.ids, gate_result.rejected),
            )
            done.applied += [judged.counts[batch_id] for batch_id in gate_result.ids]
            done.rejected += gate_result.rejected
            done.restated |= change.restated
            done.rows_changed += change.rows
            progress(f"{table.name}: version {done.version}, {done.rows_changed:,} keys changed so far")
        if gate_result.failing is not None:
            done.held = [Failing.of(gate_result.failing, judged, loaded)]
            return Ledger.read(loaded, bronze, lakehouse.open(table))
    return None


@dataclass(kw_only=True)
class _GateResult:
    """What the gate and people's decisions make of a group: what comes after `failing` is in none of the three."""

    applied: list[Batch] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    failing: Batch | None = None

    @property
    def ids(self) -> list[str]:
        """The ids of the applied ones."""
        return [batch.id for batch in self.applied]


def _pass_gate(group: list[Batch], judged: Judged, ledger: Ledger, gate: Gate) -> _GateResult:
    """Rule C4: in order, up to the first that fails the gate and about which nobody decided.

    What a person rejected stays out, and was not judged, also where the gate would let it through by now: late batches
    change what it would delete (rule C7), and another contract or threshold what is bad in it.
    """
    gate_result = _GateResult()
    for batch in group:
        decision = ledger.decision(batch)
        if decision is DecisionAction.REJECT:
            gate_result.rejected.append(batch.id)
        elif decision is DecisionAction.ACCEPT or gate.lets_through(judged.counts[batch.id]):
            gate_result.applied.append(batch)
        else:
            gate_result.failing = batch
            break
    return gate_result


def _publish(
    silver: Snapshot,
    ledger: Ledger,
    gate_result: _GateResult,
    judged: Judged,
    now: datetime,
    workspace: Place,
) -> Change:
    """Quarantine the applied batches' bad records, and write what their good ones change in Silver."""
    lakehouse, loaded, ids = silver.lakehouse, ledger.loaded, gate_result.ids
    if not ids:
        return Change()
    chosen = pl.col(BATCH_ID).is_in(ids)
    good = [part.filter(chosen) for part in judged.good]
    quarantine(lakehouse, loaded, pl.concat([part.filter(chosen) for part in judged.bad]), gate_result.applied, now=now)
    applying = next((batch for batch in gate_result.applied if batch.is_full), None)
    before = ledger.applied_fulls
    keys = bad_keys(lakehouse, loaded, [*before, applying] if applying else before)
    fulls = FullBatches.of(
        ledger.origins,
        ledger.batches,
        applied=before,
        applying=applying,
        bad_keys=keys,
        order=loaded.source.order,
    )
    if silver.table.history:
        return merge_history(loaded, silver, good, fulls, ledger.ignored - set(ids), workspace, whole=ids)
    return merge(silver, good, fulls, workspace)


def commit_change(
    silver: Snapshot, change: Change, transactions: Mapping[str, int], notes: Mapping[str, object]
) -> int:
    """Commit a change with the days that it restates."""
    return silver.commit(
        change.written,
        remove=change.removed,
        transactions=transactions,
        metadata={RESTATED: sorted(change.restated), **notes},
    )
