"""The gate as people see it: its checks, and the error of a batch that failed it (rules C3, C4, C7, C8).

Belongs here: figures and words.
Does not: the verdict, or what follows from it.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.errors import QualityGateError
from medallion_assets.errors.counted import number_of
from medallion_assets.refining.judging.gate import MASS_DELETE, Counts, Gate
from medallion_assets.refining.judging.unfilled_columns import meant_attributes
from medallion_assets.refining.refined import Failing, Refined
from medallion_assets.stages.figures import as_table, counts
from medallion_assets.stages.reports import Check, check

SAMPLE_CHARACTERS = 500
"""Of a bad row's value: a record is known by what stands in its middle."""


def quality_threshold(table: Table, done: Refined) -> Check:
    """Rule C4: of the batch that failed the gate the figures and some bad rows, else the figures of all."""
    counted = done.total if done.failing is None else done.failing.counted
    figures: dict[str, Any] = {
        "quality_score": counted.score,
        "records": counted.records,
        "bad_records": counted.bad,
        "reasons": counts(counted.reasons),
        "failures": counts(counted.failures),
        "null_columns": ", ".join(counted.null_columns) if done.failing is not None else "",
        "deletes": counted.deletes + counted.absent,
    }
    if done.failing is None:
        return check(table, "quality_threshold", passed=True, **figures)
    sample = as_table(done.failing.sample.to_dicts(), longest=SAMPLE_CHARACTERS)
    batch_id = done.failing.batch.id
    return check(table, "quality_threshold", passed=False, export_id=batch_id, **figures, sample=sample)


def mass_delete(loaded: Loaded, done: Refined) -> Check:
    """Rule C7: a full batch that deletes too much failed the gate; a warning where very many deletes were applied."""
    table, gate = loaded.table, Gate.of(loaded.gate)
    if done.failing is not None and gate.is_mass_delete(done.failing.counted):
        return check(table, MASS_DELETE, passed=False, **_deletes(done.failing.counted))
    for counted in done.applied:
        if gate.is_mass_delete(counted) or gate.are_very_many(counted.deletes, counted.live):
            return check(table, MASS_DELETE, passed=False, warn=True, **_deletes(counted))
    return check(table, MASS_DELETE, passed=True, deleted_rows=done.total.deletes + done.total.absent)


def _deletes(counted: Counts) -> dict[str, Any]:
    return {"export_id": counted.export_id, "deleted_rows": counted.deletes + counted.absent, "live_rows": counted.live}


def gate_error(loaded: Loaded, held: Sequence[Failing], gate: Gate) -> QualityGateError:
    """What a person reads when a batch fails the gate; of several, which are months, the others are named."""
    table, word = loaded.table, loaded.source.batch_word
    failing, *others = held
    batch_id, counted = failing.batch.id, failing.counted
    policy = gate.policy
    expected, found, look_at, rows = [], [], [], []
    if gate.is_too_bad(counted):
        least = policy.quality_min_bad_records
        expected.append(f"a score of at least {policy.quality_threshold}, or fewer than {least} bad records")
        found.append(f"{counted.score:.4f}, {counted.bad:,} bad of {counted.records:,} ({counts(counted.reasons)})")
        rows.append("the bad rows")
    if counted.failures:
        expected.append(f"no record that breaks {' or '.join(sorted(counted.failures))} (expect_or_fail)")
        found.append(f"{counts(counted.failures)}, of {number_of(counted.records, 'record')}")
        rows.append("the records that break it" if len(counted.failures) == 1 else "the records that break them")
    if rows:
        show = f"`medallion quarantine show {table.short_name} --held {shlex.quote(batch_id)}`"
        look_at.append(f"{' and '.join(rows)} ({show})")
    paths = counted.unreachable_columns
    if nulls := [name for name in counted.null_columns if name not in paths]:
        expected.append(f"a value of {' and of '.join(nulls)} in at least one record: required, or expected by a rule")
        found.append(f"null_columns: {', '.join(nulls)}, null in all of {number_of(counted.upserts, 'record')}")
        look_at.append("whether the source still writes these attributes, and under the names in the contract")
    if paths:
        sources = ", ".join(f"{name} (source {table.column(name).source})" for name in paths)
        expected.append("attributes of items as the sources of columns")
        found.append(f"null_columns: {sources}, null in all of {number_of(counted.upserts, 'record')}")
        meant = meant_attributes(table, map(table.column, paths), counted.unknown_attributes)
        look_at.append(f"the contract ({'; '.join(meant.values())})")
    if gate.is_mass_delete(counted):
        expected.append(
            f"a full {word} that lacks at most {policy.max_delete_share:.0%} of the live rows that are older, or fewer "
            f"than {policy.max_delete_min_rows:,} of them; an empty one none"
        )
        items = f"it has {number_of(counted.records, 'item')}" if counted.records else "it is empty"
        found.append(f"{MASS_DELETE}: {counted.absent:,} of {counted.live:,} live rows would be deleted ({items})")
        look_at.append("what was delivered: a filter, a table that was just restored, or really so few items")
    return QualityGateError(
        f"{word} {batch_id} failed the quality gate and nothing of it was published",
        where=table.name,
        expected=", and ".join(expected),
        found=", and ".join(found),
        do=("" if not others else f"the same applies to {', '.join(other.batch.id for other in others)}: ")
        + f"look at {' and at '.join(look_at)}, then run {table.path} with accept or reject for this {word} in the "
        + "; ".join(["run config", *failing.hints]),
        export_id=batch_id,
    )
