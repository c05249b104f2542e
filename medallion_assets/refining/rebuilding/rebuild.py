"""Rebuild: a judged Silver table made again from Bronze by its present contract, as one new version of itself.

Belongs here: judging every settled batch again, and putting table, events and quarantine in place.
Does not: other tables, or the comparison.

The batches that Silver has settled are applied to a copy in a temporary folder, which therefore equals a table made
from nothing. Decisions of people stay in force: what was rejected stays out, what was accepted comes in. Then the copy
takes the table's place, in an order that loses nothing when it is cut off between two commits:

1. bad records that quarantine lacks are added to it;
2. the events behind a history table are replaced;
3. Silver is replaced: one commit with the days that differ, every settled batch and the checkpoint;
4. quarantine is left with what is bad now.

Until 3 Silver is as it was. After a cut the next rebuild begins anew; `medallion verify` says that it is needed, since
the fingerprints differ. When batches were settled meanwhile, they are applied to the copy as well, and 1 to 4 follow.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID, REDRIVEN_AT
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.damage import sound_files
from medallion_assets.delta.notes.authors import STARTED_BY
from medallion_assets.delta.notes.commit_notes import RESTATED, commit_note, commits_since, every_noted
from medallion_assets.delta.notes.coverage_notes import covered_note
from medallion_assets.delta.notes.fingerprints import KEY_NOTE, RULES_NOTE, fingerprint
from medallion_assets.delta.notes.source_versions import SourceVersion, source_notes
from medallion_assets.delta.replacing.replacement import REBUILT_NOTE, Progress, Replacement
from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import CommitConflictError, PermanentError, QualityGateError
from medallion_assets.errors.counted import number_of
from medallion_assets.errors.long_texts import largest_first, listed
from medallion_assets.errors.reasons import expect_reason
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.events import POSITION
from medallion_assets.refining.judging.gate import Counts, Gate
from medallion_assets.refining.judging.judging import Judged, judge_batches
from medallion_assets.refining.judging.quarantine import (
    add_missing_rows,
    quarantine_rows,
    quarantine_table,
    replace_quarantine,
)
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction, record_decisions
from medallion_assets.refining.ledger.ledger import APPLIED, DROPPED, EXPORTS_NOTE, Ledger
from medallion_assets.refining.merging.history_table import events_table, replace_events
from medallion_assets.refining.rebuilding.replay import JudgedCopy
from medallion_assets.refining.refined import HAND_NOTE, LEAST_NOTE, THRESHOLD_NOTE
from medallion_assets.refining.replace import published_batches
from medallion_assets.storage.workspace import workspace


def rebuild_judged(
    lakehouse: Lakehouse,
    loaded: Loaded,
    *,
    why: str,
    now: datetime,
    accept_all: bool = False,
    drop_lost: bool = False,
    dry_run: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
) -> Rebuilt:
    """Make a judged table, its events and its quarantine again from Bronze, or say what that would change.

    `accept_all` lets batches in that fail the gate by the current contract, and records that as decisions. `drop_lost`
    goes on without batches that Silver holds and Bronze has lost; if Bronze has one again it is judged like a new one.
    `progress` is told what is done, how much of it, and of how much: lines, then partitions.

    Raises:
        QualityGateError: a batch fails the gate that nobody accepted; nothing was changed.
        PermanentError: `why` is empty; the table has not been made yet, or has other partitions than its contract.
        CommitConflictError: other writers were faster, every time.
    """
    expect_reason("the rebuild", why, where=loaded.table.name)
    with workspace() as folder:
        work = _Work(
            lakehouse=lakehouse,
            loaded=loaded,
            accept_all=accept_all,
            drop_lost=drop_lost,
            now=now,
            progress=progress,
            scratch=lakehouse.scratch(folder),
        )
        return until_committed(lambda: work.run(why, dry_run=dry_run))


@dataclass(kw_only=True)
class _Work:
    """One rebuild: the copy, and what has been applied to it; a lost race goes on from there."""

    lakehouse: Lakehouse
    loaded: Loaded
    accept_all: bool
    now: datetime
    progress: Progress
    scratch: Lakehouse
    drop_lost: bool
    accepted: dict[str, Counts] = field(default_factory=dict)
    source: SourceVersion | None = None

    def __post_init__(self) -> None:
        self.table = self.loaded.table
        self.copy = JudgedCopy(loaded=self.loaded, scratch=self.scratch, quarantined_in=self.scratch)

    def run(self, why: str, *, dry_run: bool) -> Rebuilt:
        """One attempt: bring the copy up to what is settled now, compare, and put it in place."""
        silver, bronze = self.lakehouse.open_any(self.table), self.lakehouse.open(bronze_table(self.table.short_name))
        replacement = Replacement(table=silver, writes=not dry_run)
        self.source = self.source or SourceVersion.of(bronze)  # the lines of batches that are in the copy are of then
        ledger = Ledger.read(self.loaded, bronze, silver).with_every_rejected(silver)
        applied = ledger.applied
        dropped = self._lost(silver, ledger)
        self.copy.origins = ledger.origins
        self._replay(bronze, ledger, applied)
        self.scratch.ready(quarantine_table(self.table))
        self._compare(replacement)
        changes = replacement.changes()
        changes.newly_bad, changes.newly_good = self._verdicts({batch.id for batch in applied})
        done = Rebuilt(
            table=self.table.name,
            version=silver.version,
            dry_run=dry_run,
            exports=len(applied),
            accepted=sorted(self.accepted),
            dropped=dropped,
            changes=changes,
        )
        if not dry_run:
            self._expect_unmoved(silver)
            record_decisions(self.lakehouse, self._decisions(why))
            ids = [batch.id for batch in applied]
            decided = [*ids, *dropped]  # of these nothing else stays in quarantine and events
            bad = self.scratch.open(quarantine_table(self.table)).scan()
            add_missing_rows(self.lakehouse, self.loaded, bad)
            if self.table.history:
                self._expect_unmoved(silver)
                replace_events(self.lakehouse, self.loaded, self.scratch.ready(events_table(self.table)), decided)
            rebuild_id = uuid.uuid4().hex
            notes = {
                RESTATED: sorted(changes.restated),
                EXPORTS_NOTE: ids,
                RULES_NOTE: [fingerprint(self.loaded)],
                KEY_NOTE: list(self.table.key),
                REBUILT_NOTE: {"why": why, "accepted": done.accepted, "dropped": dropped, "id": rebuild_id},
                **source_notes(self.source),
                **ledger.rejected_note(()),
                **covered_note(ledger.coverage(rejected=dropped)),
            }
            transactions = ledger.transactions(ids, sorted(ledger.rejected)) | dict.fromkeys(dropped, DROPPED)
            done.version = replacement.commit(transactions, notes)
            replace_quarantine(
                self.lakehouse, self.loaded, bad, decided, note={REBUILT_NOTE: {"why": why, "id": rebuild_id}}
            )
        return done

    def _lost(self, silver: Snapshot, ledger: Ledger) -> list[str]:
        """The batches that Silver holds and Bronze has lost: their rows could not be made again."""
        self.by_hand = {
            batch_id: (commit_note(commit, THRESHOLD_NOTE), commit_note(commit, LEAST_NOTE))
            for commit in commits_since(silver, -1)
            if commit_note(commit, HAND_NOTE)
            for batch_id in commit_note(commit, EXPORTS_NOTE) or []
        }
        noted = every_noted(silver, EXPORTS_NOTE)
        settled = {batch_id for batch_id in noted if silver.transaction(batch_id) == APPLIED}
        if self.loaded.months is not None:  # of versions of a month that gave way to later ones nothing is held
            settled = published_batches(silver)
        lost = sorted(settled - {batch.id for batch in ledger.batches})
        if lost and not self.drop_lost:
            bronze, word = bronze_table(self.table.short_name), self.loaded.source.batch_word
            many = number_of(len(lost), word)
            raise PermanentError(
                f"{self.table.name} holds {many} that {bronze.name} has lost; nothing was changed",
                expected=f"every {word} that was applied in {bronze.name}, to judge it again",
                found=f"none of {listed(lost)}",
                do=f"run {bronze.path}, which loads what the raw place still has, or take {bronze.name} from a backup; "
                "or rebuild with --drop-lost, which makes the table without them",
            )
        return lost

    def _expect_unmoved(self, silver: Snapshot) -> None:
        """See that nobody settled a batch meanwhile, before anything beside Silver is changed."""
        latest = self.lakehouse.open_any(self.table).version
        if latest != silver.version:
            raise CommitConflictError(
                "another writer committed during the rebuild",
                where=self.table.name,
                expected=f"version {silver.version} to be the latest",
                found=f"version {latest}",
            )

    def _replay(self, bronze: Snapshot, ledger: Ledger, applied: Sequence[Batch]) -> None:
        """Judge and apply the batches that the copy lacks."""
        known = {batch.id for batch in self.copy.applied}
        missing = [batch for batch in applied if batch.id not in known]
        total, done = sum(batch.records for batch in missing), 0
        for group in self.copy.groups(missing):
            with self.lakehouse.workspace() as folder:
                judged = judge_batches(bronze, self.loaded, group, folder)
                self._expect_gate(ledger, group, judged)
                self._quarantine(judged)
                self.copy.apply(group, judged.good, folder)
            done += sum(batch.records for batch in group)
            self.progress(f"judging {self.table.name} again", done, total)

    def _compare(self, replacement: Replacement) -> None:
        copy = self.scratch.ready(self.table)
        if self.table.partition_by is None:
            replacement.whole(copy, self.progress)
            return
        both = {*replacement.table.partitions, *copy.partitions}
        for number, day in enumerate(sorted(both, key=lambda day: (day is None, day or date.min)), start=1):
            if self.loaded.months is not None:
                replacement.lines(day, copy)
            else:
                replacement.partition(day, copy.scan(partitions=[day]).collect())
            self.progress(f"comparing {self.table.name}", number, len(both))

    def _expect_gate(self, ledger: Ledger, group: Sequence[Batch], judged: Judged) -> None:
        policy = self.loaded.gate
        for batch in group:
            counted = judged.counts[batch.id]
            reasons = ", ".join(f"{name}: {count}" for name, count in largest_first(counted.reasons)[:3])
            gate = Gate.of(self.loaded.gate, *self.by_hand.get(batch.id, ()))
            if gate.lets_through(counted) or ledger.decision(batch) is DecisionAction.ACCEPT:
                continue
            if not self.accept_all:
                raise QualityGateError(
                    f"{self.loaded.source.batch_word} {batch.id} fails the quality gate by the current contract; "
                    "nothing was changed",
                    where=self.table.name,
                    expected=f"a score of {policy.quality_threshold}, or under {policy.quality_min_bad_records} "
                    "bad records",
                    found=f"{counted.score:.4f}, {counted.bad} bad of {counted.records} ({reasons})"
                    + "".join(f", {name} is null in every record" for name in counted.null_columns),
                    do="look at what would change with --dry-run --accept-all; then correct the contract, or rebuild "
                    "with --accept-all",
                    export_id=batch.id,
                )
            self.accepted[batch.id] = counted

    def _quarantine(self, judged: Judged) -> None:
        contract = quarantine_table(self.table)
        kept = self.scratch.ready(contract)
        written = kept.folder.write(quarantine_rows(pl.concat(judged.bad), self.now))
        if written.rows:
            kept.commit([written])

    def _verdicts(self, applied: set[str]) -> tuple[Counter[str], Counter[str]]:
        """By reason: the records that are bad now and were not, and those that were bad and are not now."""
        new = self.scratch.open(quarantine_table(self.table)).scan()
        kept = self.lakehouse.find(quarantine_table(self.table))
        if kept is None:
            return _reasons(new), Counter()
        of_these = pl.col(BATCH_ID).is_in(sorted(applied))
        old = kept.scan(paths=sound_files(kept)).filter(of_these & pl.col(REDRIVEN_AT).is_null())
        return (
            _reasons(new.join(old, on=POSITION, how="anti")),
            _reasons(old.join(new, on=POSITION, how="anti")),
        )

    def _decisions(self, why: str) -> list[Decision]:
        by = self.lakehouse.author.get(STARTED_BY, "medallion rebuild")
        return [
            Decision(
                table_name=self.table.short_name,
                subject=batch_id,
                action=DecisionAction.ACCEPT,
                reason=f"rebuild: {why}",
                decided_by=by,
                decided_at=self.now,
            )
            for batch_id in sorted(self.accepted)
        ]


def _reasons(rows: pl.LazyFrame) -> Counter[str]:
    counted = rows.select(pl.col("reasons").list.unique().explode().alias("reason")).drop_nulls()
    return Counter(dict(counted.group_by("reason").agg(pl.len()).collect(engine="streaming").iter_rows()))
