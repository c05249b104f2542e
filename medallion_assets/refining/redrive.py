"""Redrive: judge quarantined rows again with the current contract, and apply those that are good now (rule C6).

Belongs here: which rows are judged again, applying them as if they had been good from the start, and marking them.
Does not: putting rows into quarantine, or the verdict on their batch, which never changes.

A row goes through the same merge as any late record: with its own sequence and batch id, against the full batches that
were applied. A full batch's own row counts as present in it before and after, so `bad_keys` never asks whether a row
was redriven. Silver is committed first and `redriven_at` second: after a crash between the two the merge finds the row
in place, changes nothing, and only `redriven_at` is set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID, FAILURES, REASONS, REDRIVEN_AT
from medallion_assets.contracts.expectations import UNREADABLE
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.notes.fingerprints import contract_notes, expect_same_key, fingerprint
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.engines.blocks import blocks
from medallion_assets.engines.pieces import row_count
from medallion_assets.errors.reasons import expect_reason
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.chosen_rows import chosen_rows
from medallion_assets.refining.judging.duplicates import CONFLICTING
from medallion_assets.refining.judging.events import POSITION, event_schema
from medallion_assets.refining.judging.judging import judge_batches, judge_lines
from medallion_assets.refining.judging.quarantine import bad_keys, quarantine_table, with_window, write_rows
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets.refining.merging.change import Change
from medallion_assets.refining.merging.history_table import merge_history
from medallion_assets.refining.merging.merge import merge
from medallion_assets.refining.refine import commit_change
from medallion_assets.refining.replace import add_rows

REDRIVEN_NOTE = "medallion_redriven"


@dataclass(kw_only=True)
class Redriven:
    """What a redrive did, in rows of quarantine.

    `looked_at` were judged again: `redriven` are good now, `still_bad` counts the reasons that the others have today.
    `conflicting` rows stay without being judged (two records of one key in one batch differ, whatever the contract),
    and so do those of batches that are `not_settled`. `rows_changed` and `restated` say what became of Silver.
    """

    version: int | None = None
    looked_at: int = 0
    redriven: int = 0
    still_bad: Counter[str] = field(default_factory=Counter)
    conflicting: int = 0
    not_settled: int = 0
    rows_changed: int = 0
    restated: set[date] = field(default_factory=set)


def redrive(
    lakehouse: Lakehouse,
    loaded: Loaded,
    *,
    now: datetime,
    batches: Collection[str] = (),
    reasons: Collection[str] = (),
    why: str = "",
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Redriven:
    """Judge rows of quarantine that were not redriven again, and apply the good ones. Doing it twice changes nothing.

    `batches` and `reasons` choose rows as `chosen_rows` does. `now` becomes `redriven_at`; `why` goes into Silver's
    commit. `progress` is told how many rows are done, of how many.

    Raises:
        PermanentError: a batch or a reason that there is not is named, or `why` stands for a reason and is none.
        CommitConflictError: other writers were faster, every time.
    """
    done, table = Redriven(), loaded.table
    if why:
        expect_reason("the redrive", why, where=table.name)
    chosen = chosen_rows(lakehouse, table, batches, reasons) & pl.col(REDRIVEN_AT).is_null()
    if not lakehouse.exists(quarantine_table(table)):
        return done
    rows = lakehouse.open(quarantine_table(table)).scan().filter(chosen)
    conflicts = pl.col("reasons").list.contains(CONFLICTING)
    done.conflicting = row_count(rows.filter(conflicts))
    waiting = rows.filter(~conflicts)
    total = row_count(waiting)
    bounds = lakehouse.engine.bounds
    rounds = replace(bounds, block_rows=bounds.group_rows, block_bytes=bounds.group_bytes)  # few: each of them commits
    for block in blocks([waiting], rounds):
        taken = block.taken()
        _redrive_rows(lakehouse, loaded, taken, now, why, done)
        progress(min(done.looked_at + done.not_settled, total), total)
        del taken
    return done


def _redrive_rows(
    lakehouse: Lakehouse, loaded: Loaded, rows: pl.DataFrame, now: datetime, why: str, done: Redriven
) -> None:
    def apply() -> _JudgedAgain:
        judged = _judge_again(lakehouse, loaded, rows)
        if judged.redriven.height:
            change, version = _apply(lakehouse, loaded, judged, why)
            done.rows_changed += change.rows
            done.restated |= change.restated
            done.version = version
        return judged

    judged = until_committed(apply)
    _set_redriven(lakehouse, loaded.table, judged.redriven, now)
    done.looked_at += judged.looked_at
    done.redriven += judged.redriven.height
    done.still_bad += judged.still_bad
    done.not_settled += rows.height - judged.looked_at


@dataclass(frozen=True, kw_only=True)
class _JudgedAgain:
    """Rows as the current contract has them: `events` to apply, and the positions that they account for."""

    silver: Snapshot
    ledger: Ledger
    events: pl.DataFrame
    redriven: pl.DataFrame
    looked_at: int
    still_bad: Counter[str]


def _judge_again(lakehouse: Lakehouse, loaded: Loaded, rows: pl.DataFrame) -> _JudgedAgain:
    table = loaded.table
    silver, bronze = (
        lakehouse.ready(table),
        lakehouse.open(bronze_table(table.short_name)),
    )  # in this order, as refine
    expect_same_key(silver)
    ledger = Ledger.read(loaded, bronze, silver)
    # A row can lie here before its batch is settled: quarantine is written first, and then came a crash.
    settled = {batch.id: batch for batch in ledger.applied}
    lines = with_window(rows, settled.values())
    records = judge_lines(lines, loaded)
    is_good = (pl.col(REASONS).list.len() == 0) & (pl.col(FAILURES).list.len() == 0)
    good, bad = records.filter(is_good), records.filter(~is_good)
    unread = rows.filter(_key_was_unreadable(table))
    uncertain = good.join(unread, on=POSITION, how="semi")
    certain = good.join(unread, on=POSITION, how="anti")
    kept, redriven = _judge_uncertain(bronze, loaded, uncertain, settled)
    still_bad = Counter(bad.select(pl.concat_list(REASONS, FAILURES)).to_series().explode().to_list())
    still_bad[CONFLICTING] += uncertain.height - redriven.height
    return _JudgedAgain(
        silver=silver,
        ledger=ledger,
        events=pl.concat([certain, kept]).select(event_schema(table).names()),
        redriven=pl.concat([certain.select(POSITION), redriven]),
        looked_at=lines.height,
        still_bad=+still_bad,
    )


def _key_was_unreadable(table: Table) -> pl.Expr:
    """Rows whose key could not be read when they were judged, so that nobody looked for duplicates of them."""
    unreadable = pl.col("reasons").list.eval(pl.element().is_in(UNREADABLE)).list.any()
    return unreadable | pl.col("reason_columns").list.eval(pl.element().is_in(list(table.key))).list.any()


def _judge_uncertain(
    bronze: Snapshot, loaded: Loaded, uncertain: pl.DataFrame, settled: Mapping[str, Batch]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rule R3 for records whose key nobody could read before: their batches are judged whole.

    Gives the records to apply, and the positions that these account for (an identical duplicate counts with its twin).
    """
    if not uncertain.height:
        return uncertain, uncertain.select(POSITION)
    batches = [settled[batch_id] for batch_id in uncertain[BATCH_ID].unique().sort()]
    with bronze.lakehouse.workspace() as folder:
        judged = judge_batches(bronze, loaded, batches, folder)
        good, bad = (
            pl.concat([part.select(POSITION) for part in parts]).collect(engine="streaming")
            for parts in (judged.good, judged.bad)
        )
    kept = uncertain.join(good, on=POSITION, how="semi")
    return kept, uncertain.join(bad, on=POSITION, how="anti").select(POSITION)


def _apply(lakehouse: Lakehouse, loaded: Loaded, judged: _JudgedAgain, why: str) -> tuple[Change, int]:
    """Merge the events into Silver, one commit with the days restated; none when all of them were in place."""
    silver, ledger = judged.silver, judged.ledger
    applied = ledger.applied_fulls
    keys = bad_keys(lakehouse, loaded, applied)
    fulls = FullBatches(applied=applied, applying=None, bad_keys=keys, ends=ledger.ends, order=loaded.source.order)
    events = [judged.events.lazy()]
    with lakehouse.workspace() as folder:
        if loaded.months is not None:
            change = add_rows(silver, judged.events)
        elif silver.table.history:
            change = merge_history(loaded, silver, events, fulls, ledger.ignored, folder)
        else:
            change = merge(silver, events, fulls, folder)
    if not change.written and not change.removed:
        return change, silver.version
    batches = judged.redriven[BATCH_ID].unique().sort().to_list()
    note = {"rows": judged.redriven.height, "exports": batches, "why": why}
    notes = {REDRIVEN_NOTE: note, **contract_notes(silver, [fingerprint(loaded)])}
    return change, commit_change(silver, change, {}, notes)


def _set_redriven(lakehouse: Lakehouse, table: Table, positions: pl.DataFrame, now: datetime) -> None:
    """Give rows their `redriven_at`; rewrites the files of quarantine that hold them."""
    if not positions.height:
        return
    redriven = positions.lazy().with_columns(pl.lit(now).cast(pl.Datetime("us", "UTC")).alias("_now"))

    def rewrite() -> None:
        kept = lakehouse.open(quarantine_table(table))
        held = {path: kept.scan(paths=[path]) for path in kept.files["path"]}
        waiting = pl.col(REDRIVEN_AT).is_null()
        paths = [
            path
            for path, rows in held.items()
            if row_count(rows.filter(waiting).join(redriven, on=POSITION, how="semi"))
        ]
        written = [
            write_rows(
                kept,
                held[path]
                .join(redriven, on=POSITION, how="left")
                .with_columns(pl.coalesce(REDRIVEN_AT, "_now").alias(REDRIVEN_AT))
                .drop("_now"),
            )
            for path in paths
        ]
        if written:
            kept.commit(written, remove=paths)

    until_committed(rewrite)
