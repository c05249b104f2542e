"""The ledger: which exports Silver has settled, and which it takes next (rules C1 to C5).

Belongs here: the checkpoint that Silver's own log carries, read against Bronze's log and people's decisions.
Does not: judging or applying an export (refining.judging, refining.merging).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.coverage import Coverage
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.source import Source
from medallion_assets.delta.notes.source_versions import source_app_id, taken_version
from medallion_assets.delta.table import Snapshot
from medallion_assets.refining.bronze import exports_in, exports_since
from medallion_assets.refining.ledger.chain import (
    Gap,
    Reaches,
    UnprotectedMinute,
    gaps,
    next_export,
    reach,
    unprotected_minute,
)
from medallion_assets.refining.ledger.coverage import coverage_of
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction
from medallion_assets.refining.ledger.origins import Origins, begins_after, without_outdated
from medallion_assets.refining.versions import outlived_versions, versions_that_count

APPLIED, REJECTED, DROPPED = 1, 2, 3
"""The versions under which an export's application transaction is committed to Silver. DROPPED: a person rebuilt Silver
without it, as Bronze had lost it; when Bronze has it again, it is judged like a new one."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The exports of one table, as one version of Bronze and one of Silver see them.

    `pending` are exports that are not settled, with their Bronze versions, in the order of judging. `rejected` are
    settled exports that a person rejected. `decisions` may be about any export. `outlived` are versions of partitions
    that Bronze holds and nothing needs any more; they are not among `exports`.
    """

    exports: list[Batch]
    pending: list[Batch]
    rejected: frozenset[str]
    decisions: Mapping[str, Decision]
    chain_starts_at: datetime | None
    bronze_app_id: str
    bronze_version: int
    origins: Origins = field(default_factory=Origins)
    outlived: list[Batch] = field(default_factory=list)

    @classmethod
    def read(
        cls, loaded: Loaded, bronze: Snapshot, silver: Snapshot | None, decisions: Mapping[str, Decision]
    ) -> Ledger:
        """Read it from the two logs; nothing is settled while Silver has not been made (None).

        What Silver's checkpoint says of another Bronze table than this one does not count: each export is looked up.
        """
        checkpoint = taken_version(silver, bronze) if silver else None

        def mark(export_id: str) -> int | None:
            return silver.transaction(export_id) if silver else None

        def is_applied(export_id: str) -> bool:
            return mark(export_id) == APPLIED

        every = exports_in(bronze, loaded.source)
        exports = versions_that_count(every, is_applied)
        held = {export.id for export in exports}  # the log also tells of exports that were rolled back
        newer = exports_since(bronze, checkpoint or 0, loaded.source)

        pending = {export.id: export for export in newer if export.id in held and mark(export.id) in (None, DROPPED)}
        return cls(
            exports=exports,
            pending=sorted(pending.values(), key=lambda export: export.order),
            rejected=frozenset(
                export_id
                for export_id, decision in decisions.items()
                if decision.action is DecisionAction.REJECT and mark(export_id) == REJECTED
            ),
            decisions=decisions,
            chain_starts_at=loaded.chain_begins,
            bronze_app_id=source_app_id(bronze),
            bronze_version=bronze.version,
            origins=Origins.read(bronze, decisions),
            outlived=outlived_versions(every, is_applied),
        )

    @property
    def pending_ids(self) -> set[str]:
        """The ids of the pending exports."""
        return {export.id for export in self.pending}

    def decision(self, export: Batch) -> DecisionAction | None:
        """What a person decided about an export: to accept it counts if it fails the gate, to reject it in any case."""
        decision = self.decisions.get(export.id)
        return None if decision is None else decision.action

    def coverage(self, source: Source, *, applied: Collection[str] = (), rejected: Collection[str] = ()) -> Coverage:
        """How far the settled exports reach, or will once these pending ones are applied or rejected (rule V1)."""
        waiting = self.pending_ids.difference(applied, rejected)
        delivered = [
            export
            for export in self.exports
            if export.id not in waiting
            and not (export.is_full and (export.id in self.rejected or export.id in rejected))
        ]
        return coverage_of(source, delivered, self.chain_starts_at, self.origins)

    @property
    def gaps(self) -> list[Gap]:
        """The windows that wait, each with what is missing before it."""
        return gaps(self.pending, self._reach)

    @property
    def unprotected_minute(self) -> UnprotectedMinute | None:
        """The window that joined the newest full export although writes between the two may be in neither."""
        fulls = self.applied_fulls
        newest = max(map(self.origins.of, fulls), default=0)
        windows = [export for export in self.settled if not export.is_full and self.origins.of(export) == newest]
        return unprotected_minute(fulls, windows, self.chain_starts_at)

    @property
    def settled(self) -> list[Batch]:
        """The exports that Silver has settled."""
        return [export for export in self.exports if export.id not in self.pending_ids]

    @property
    def applied_fulls(self) -> list[Batch]:
        """The full exports that are settled and count: not rejected, nor of a former table after its end (rule B3)."""
        fulls = self._delivered([export for export in self.settled if export.is_full])
        return without_outdated(fulls, self.origins.ends(fulls, fulls))

    @property
    def ends(self) -> dict[str, int]:
        """By the id of each export of a former table, the sequence after which its records do not count (rule B3)."""
        return self.origins.ends(self.applied_fulls, self.exports)

    def ends_with(self, full: Batch) -> dict[str, int]:
        """What `ends` would be, were this full export applied as well."""
        return self.origins.ends([*self.applied_fulls, full], self.exports)

    @property
    def outdated(self) -> list[Batch]:
        """The exports of a former table that begin after its end: none of their records counts (rule B3)."""
        ends = self.ends
        return [export for export in self.exports if begins_after(export, ends.get(export.id))]

    @property
    def ignored(self) -> set[str]:
        """The exports whose records do not count: not settled yet, or rejected."""
        return self.pending_ids | self.rejected

    def next_group(self, records_at_most: int) -> list[Batch]:
        """The exports to judge next, in order: one full export, or incremental ones of a bounded number of records."""
        group: list[Batch] = []
        left = list(self.pending)
        reached = self._reach
        while (export := next_export(left, reached)) is not None:
            records = sum(export.records for export in (*group, export))
            if group and (export.is_alone or group[-1].is_alone or records > records_at_most):
                break
            group.append(export)
            left.remove(export)
            if not export.is_full:
                reached = reached.after(export)
        return group

    def transactions(self, applied: Collection[str], rejected: Collection[str]) -> dict[str, int]:
        """What Silver's commit carries when it settles some exports: each of them, and the checkpoint (rule C5)."""
        marks = {**dict.fromkeys(applied, APPLIED), **dict.fromkeys(rejected, REJECTED)}
        waiting = [export.version or 0 for export in self.pending if export.id not in marks]
        return {**marks, self.bronze_app_id: min(waiting) - 1 if waiting else self.bronze_version}

    @property
    def _reach(self) -> Reaches:
        return reach(self._delivered(self.settled), self.chain_starts_at, self.origins)

    def _delivered(self, exports: list[Batch]) -> list[Batch]:
        return [export for export in exports if not (export.is_full and export.id in self.rejected)]
