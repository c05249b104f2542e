"""What a run of refine did: what it settled, what the gate held back, and the notes that its commits carry.

Belongs here: the outcome, as values for whoever reports it.
Does not: settling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID, LINE_NUMBER, RAW, REASONS, SOURCE_FILE
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.source import MISSING, WRONG_TYPE
from medallion_assets.delta.notes.coverage_notes import covered_note
from medallion_assets.delta.notes.fingerprints import contract_notes, fingerprint
from medallion_assets.delta.notes.source_versions import SourceVersion, source_notes
from medallion_assets.delta.shown_rows import SAMPLE_ROWS
from medallion_assets.delta.table import Snapshot
from medallion_assets.refining.judging.gate import Counts, Gate
from medallion_assets.refining.judging.judging import Judged
from medallion_assets.refining.ledger.chain import Gap, UnprotectedMinute
from medallion_assets.refining.ledger.ledger import EXPORTS_NOTE, Ledger

THRESHOLD_NOTE = "medallion_quality_threshold"
"""What the gate asked for: the declared threshold, or that of the run config."""
LEAST_NOTE = "medallion_quality_min_bad_records"
"""From how many bad records on it asked for that."""
HAND_NOTE = "medallion_threshold_by_hand"
"""Whether these came from the run config: a person's decision about the batches of this commit."""
HINT_ROWS = 100


@dataclass(frozen=True, kw_only=True)
class Failing:
    """A batch that failed the gate: its figures, some of its bad records, and what a person may not see in them."""

    batch: Batch
    counted: Counts
    sample: pl.DataFrame
    hints: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, batch: Batch, judged: Judged, loaded: Loaded) -> Failing:
        """What judging found in it."""
        bad = pl.concat(judged.bad).filter(pl.col(BATCH_ID) == batch.id)
        columns = [SOURCE_FILE, LINE_NUMBER, REASONS, RAW]
        telling = [bad.filter(pl.col(REASONS).list.contains(each)).head(HINT_ROWS) for each in (WRONG_TYPE, MISSING)]
        return cls(
            batch=batch,
            counted=judged.counts[batch.id],
            sample=bad.select(columns).head(SAMPLE_ROWS).collect(),
            hints=loaded.source.hints(pl.concat(telling).collect(), loaded.table),
        )


@dataclass(kw_only=True)
class Refined:
    """What a run of refine did. `version` is Silver's version after it.

    `held` are the batches that failed the gate: one at most where batches follow each other, any where each is a month.
    """

    version: int = 0
    applied: list[Counts] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    restated: set[date] = field(default_factory=set)
    rows_changed: int = 0
    held: list[Failing] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    unprotected_minute: UnprotectedMinute | None = None

    @property
    def failing(self) -> Failing | None:
        """The first that failed the gate."""
        return self.held[0] if self.held else None

    @property
    def total(self) -> Counts:
        """All applied batches counted together."""
        total = Counts(export_id="")
        for counted in self.applied:
            total = total.plus(counted)
        return total


def settled_notes(
    silver: Snapshot, ledger: Ledger, gate: Gate, source: SourceVersion, applied: list[str], rejected: list[str]
) -> Mapping[str, object]:
    """What a commit on `silver` notes that settles some batches, read from `source`."""
    return {
        EXPORTS_NOTE: applied,
        THRESHOLD_NOTE: gate.policy.quality_threshold,
        LEAST_NOTE: gate.policy.quality_min_bad_records,
        **contract_notes(silver, [fingerprint(ledger.loaded)] if applied else []),
        HAND_NOTE: gate.by_hand,
        **source_notes(source),
        **ledger.rejected_note(rejected),
        **covered_note(ledger.coverage(applied=applied, rejected=rejected)),
    }
