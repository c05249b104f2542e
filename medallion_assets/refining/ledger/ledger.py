"""The ledger: which batches Silver has settled, and which it takes next (rules C1 to C5).

Belongs here: the checkpoint that Silver's own log carries, read against Bronze's log and people's decisions.
Does not: judging or applying a batch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.coverage import Coverage
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.notes.commit_notes import commit_note, every_noted, last_commit
from medallion_assets.delta.notes.fingerprints import expect_same_key
from medallion_assets.delta.notes.source_versions import SOURCE_COMMITS_NOTE, source_app_id, taken_version
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.refining.bronze import batches_in, batches_since, bronze_table
from medallion_assets.refining.ledger.chain import (
    Gap,
    Reaches,
    UnprotectedMinute,
    gaps,
    next_batch,
    reach,
    unprotected_minute,
)
from medallion_assets.refining.ledger.coverage import coverage_of
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction, read_decisions
from medallion_assets.refining.ledger.origins import Origins, begins_after, without_outdated
from medallion_assets.refining.versions import outlived_versions, versions_that_count

APPLIED, REJECTED, DROPPED = 1, 2, 3
"""The versions under which a batch's application transaction is committed to Silver. DROPPED: a person rebuilt Silver
without it, as Bronze had lost it; when Bronze has it again, it is judged like a new one."""
EXPORTS_NOTE = "medallion_settled_exports"
"""The commit note with the batches that a commit applied."""
REJECTED_NOTE = "medallion_rejected_exports"
"""The commit note with every batch that is settled as rejected, however long ago: transactions cannot be listed."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The batches of one table, as one version of Bronze and one of Silver see them.

    `pending` are batches that are not settled, with their Bronze versions, in the order of judging. `rejected` are
    settled batches that a person rejected. `decisions` may be about any batch. `outlived` are versions of partitions
    that Bronze holds and nothing needs any more; they are not among `batches`.
    """

    loaded: Loaded
    batches: list[Batch]
    pending: list[Batch]
    rejected: frozenset[str]
    decisions: Mapping[str, Decision]
    bronze_app_id: str
    bronze_version: int
    origins: Origins = field(default_factory=Origins)
    outlived: list[Batch] = field(default_factory=list)

    @classmethod
    def read(cls, loaded: Loaded, bronze: Snapshot, silver: Snapshot | None) -> Ledger:
        """Read it from the two logs and the decisions; nothing is settled while Silver has not been made (None).

        What Silver's checkpoint says of another Bronze table than this one does not count: each batch is looked up.
        """
        decisions = read_decisions(bronze.lakehouse, loaded.table.short_name)
        checkpoint = taken_version(silver, bronze) if silver else None

        def settled_as(batch_id: str) -> int | None:
            return silver.transaction(batch_id) if silver else None

        def is_applied(batch_id: str) -> bool:
            return settled_as(batch_id) == APPLIED

        every = batches_in(bronze, loaded.source)
        batches = versions_that_count(every, is_applied)
        held = {batch.id for batch in batches}  # the log also tells of batches that were rolled back
        newer = batches_since(bronze, checkpoint or 0, loaded.source)

        pending = {batch.id: batch for batch in newer if batch.id in held and settled_as(batch.id) in (None, DROPPED)}
        return cls(
            loaded=loaded,
            batches=batches,
            pending=sorted(pending.values(), key=lambda batch: batch.order),
            rejected=frozenset(
                batch_id for batch_id in _maybe_rejected(silver, decisions) if settled_as(batch_id) == REJECTED
            ),
            decisions=decisions,
            bronze_app_id=source_app_id(bronze),
            bronze_version=bronze.version,
            origins=Origins.read(bronze, decisions),
            outlived=outlived_versions(every, is_applied),
        )

    def with_every_rejected(self, silver: Snapshot) -> Ledger:
        """With those, too, that a release rejected which did not note it, for who reads every batch anyway.

        Batches that no commit says it applied are looked up.
        """
        applied = {batch.id for batch in self.applied}
        unknown = applied - every_noted(silver, EXPORTS_NOTE)
        rejected = {batch_id for batch_id in unknown if silver.transaction(batch_id) == REJECTED}
        return replace(self, rejected=self.rejected | rejected)

    @property
    def word(self) -> str:
        """What people call a batch of it."""
        return self.loaded.source.batch_word

    @property
    def pending_ids(self) -> set[str]:
        """The ids of the pending batches."""
        return {batch.id for batch in self.pending}

    def decision(self, batch: Batch) -> DecisionAction | None:
        """What a person decided about a batch: to accept it counts if it fails the gate, to reject it in any case."""
        decision = self.decisions.get(batch.id)
        return None if decision is None else decision.action

    def coverage(self, *, applied: Collection[str] = (), rejected: Collection[str] = ()) -> Coverage:
        """How far the settled batches reach, or will once these pending ones are applied or rejected (rule V1)."""
        waiting = self.pending_ids.difference(applied, rejected)
        delivered = [
            batch
            for batch in self.batches
            if batch.id not in waiting and not (batch.is_full and (batch.id in self.rejected or batch.id in rejected))
        ]
        return coverage_of(self.loaded.source, delivered, self.loaded.chain_begins, self.origins)

    @property
    def gaps(self) -> list[Gap]:
        """The windows that wait, each with what is missing before it."""
        return gaps(self.pending, self._reach, self.word)

    @property
    def unprotected_minute(self) -> UnprotectedMinute | None:
        """The window that joined the newest full batch although writes between the two may be in neither."""
        fulls = self.applied_fulls
        newest = max(map(self.origins.of, fulls), default=0)
        windows = [batch for batch in self.settled if not batch.is_full and self.origins.of(batch) == newest]
        return unprotected_minute(fulls, windows, self.loaded.chain_begins, self.word)

    @property
    def settled(self) -> list[Batch]:
        """The batches that Silver has settled."""
        pending = self.pending_ids
        return [batch for batch in self.batches if batch.id not in pending]

    @property
    def applied(self) -> list[Batch]:
        """The batches that are settled and were not rejected."""
        return [batch for batch in self.settled if batch.id not in self.rejected]

    @property
    def applied_fulls(self) -> list[Batch]:
        """The full batches that are settled and count: not rejected, nor of a former table after its end (rule B3)."""
        fulls = self._delivered([batch for batch in self.settled if batch.is_full])
        return without_outdated(fulls, self.origins.ends(fulls, fulls))

    @property
    def ends(self) -> dict[str, int]:
        """By the id of each batch of a former table, the sequence after which its records do not count (rule B3)."""
        return self.origins.ends(self.applied_fulls, self.batches)

    def ends_with(self, full: Batch) -> dict[str, int]:
        """What `ends` would be, were this full batch applied as well."""
        return self.origins.ends([*self.applied_fulls, full], self.batches)

    @property
    def outdated(self) -> list[Batch]:
        """The batches of a former table that begin after its end: none of their records counts (rule B3)."""
        ends = self.ends
        return [batch for batch in self.batches if begins_after(batch, ends.get(batch.id))]

    @property
    def ignored(self) -> set[str]:
        """The batches whose records do not count: not settled yet, or rejected."""
        return self.pending_ids | self.rejected

    def next_group(self, records_at_most: int) -> list[Batch]:
        """The batches to judge next, in order: one full batch, or incremental ones of a bounded number of records."""
        group, records = list[Batch](), 0
        left, reached = list(self.pending), self._reach
        while (batch := next_batch(left, reached)) is not None:
            records += batch.records
            if group and (batch.is_alone or group[-1].is_alone or records > records_at_most):
                break
            group.append(batch)
            left.remove(batch)
            if not batch.is_full:
                reached = reached.after(batch)
        return group

    def transactions(self, applied: Collection[str], rejected: Collection[str]) -> dict[str, int]:
        """What Silver's commit carries when it settles some batches: each of them, and the checkpoint (rule C5)."""
        settled = {**dict.fromkeys(applied, APPLIED), **dict.fromkeys(rejected, REJECTED)}
        waiting = [batch.version or 0 for batch in self.pending if batch.id not in settled]
        return {**settled, self.bronze_app_id: min(waiting) - 1 if waiting else self.bronze_version}

    def rejected_note(self, rejected: Collection[str]) -> dict[str, list[str]]:
        """The note of a commit that settles some batches: which are rejected then, should their decisions be lost."""
        every = sorted(self.rejected.union(rejected))
        return {REJECTED_NOTE: every} if every else {}

    @property
    def _reach(self) -> Reaches:
        return reach(self._delivered(self.settled), self.loaded.chain_begins, self.origins)

    def _delivered(self, batches: list[Batch]) -> list[Batch]:
        return [batch for batch in batches if not (batch.is_full and batch.id in self.rejected)]


class Tables(NamedTuple):
    """Silver and Bronze, as who settles batches opens them, and their ledger."""

    silver: Snapshot
    bronze: Snapshot
    ledger: Ledger

    @classmethod
    def open(cls, lakehouse: Lakehouse, loaded: Loaded) -> Tables:
        """As they are now; Silver first: Bronze then knows of everything that Silver has settled."""
        silver, bronze = lakehouse.ready(loaded.table), lakehouse.source(bronze_table(loaded.table.short_name))
        expect_same_key(silver)
        return cls(silver, bronze, Ledger.read(loaded, bronze, silver))


def _maybe_rejected(silver: Snapshot | None, decisions: Mapping[str, Decision]) -> set[str]:
    """What people rejected, and what Silver's last commit that settled batches says is rejected."""
    commit = None if silver is None else last_commit(silver, SOURCE_COMMITS_NOTE)
    noted = None if commit is None else commit_note(commit, REJECTED_NOTE)
    decided = (batch_id for batch_id, decision in decisions.items() if decision.action is DecisionAction.REJECT)
    return {*decided, *(noted or ())}
