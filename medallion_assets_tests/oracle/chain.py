"""Which exports are settled, which wait at a gap, and which one stands at the gate (rules C1 to C5, C7, B5).

Belongs here: the order of judging and what a person's decision does.
Does not: what the settled exports make of the tables (refining/merging/merge.py, history.py), or what one of them would
delete (deletes.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from medallion_assets_tests.oracle.deletes import Deletes, deletes
from medallion_assets_tests.oracle.model import CONTRACT, Decision, ExportInput, Limits
from medallion_assets_tests.oracle.records import verdict


@dataclass(frozen=True)
class Gap:
    """Why a window waits: covered until the one moment (None: no full export settled yet), begins at the other."""

    covered_until: datetime | None
    begins_at: datetime


Unprotected = tuple[datetime, datetime]
"""What is covered ends at the first moment, a window that joins all the same begins at the second (rule C1)."""


@dataclass(frozen=True)
class Chain:
    """What became of every export of one table.

    `applied` and `rejected` are settled. `stuck` fails the gate and has no decision; `held` are the exports that are
    not judged only because of it; `waiting` are the windows with a gap before them that no pending export would close.
    `unprotected` are the stretches within a full export's minute whose writes may be in no export. `deletes` says what
    each full export would delete as it was judged last (rule C7).
    """

    applied: tuple[ExportInput, ...]
    rejected: tuple[ExportInput, ...]
    waiting: dict[str, Gap]
    stuck: ExportInput | None
    held: tuple[ExportInput, ...]
    unprotected: tuple[Unprotected, ...]
    deletes: Mapping[str, Deletes]

    @property
    def settled(self) -> frozenset[str]:
        """Ids of the exports that are applied or rejected (rule C5)."""
        return frozenset(export.export_id for export in (*self.applied, *self.rejected))


def _once(exports: Iterable[ExportInput]) -> list[ExportInput]:
    """Each export once (rule B5), in the order of judging (rule C3)."""
    known: dict[str, ExportInput] = {}
    for export in exports:
        if known.setdefault(export.export_id, export) != export:
            raise ValueError(f"{export.export_id} comes with two contents: that is no repetition")
    return sorted(known.values(), key=lambda export: (export.to_at, export.export_id))


def _covered(exports: Iterable[ExportInput]) -> datetime | None:
    """The furthest moment that exports which join up reach; a full one reaches its S (rule C1)."""
    return max((export.holds_all_until for export in exports), default=None)


def _since(generation: int, exports: Iterable[ExportInput]) -> list[ExportInput]:
    """The exports of one table and of those after it (rule B3).

    Each table that was confirmed under the name begins a chain of its own; its full exports close the gaps of the ones
    before it as well (rule C2), for nobody can export those again.
    """
    return [export for export in exports if export.generation >= generation]


def _eligible(export: ExportInput, covering: Sequence[ExportInput]) -> bool:
    """Whether the export joins up: a window begins by the end of another, or by T of a full export (rules C1, C2)."""
    return export.is_full or any(export.from_at <= earlier.to_at for earlier in _since(export.generation, covering))


def _unprotected(covering: Sequence[ExportInput]) -> tuple[Unprotected, ...]:
    """What no window covers between the newest full export's S and a window that joined later (rule C1)."""
    found: list[Unprotected] = []
    newest = _since(max((export.generation for export in covering), default=0), covering)
    reached = _covered(export for export in newest if export.is_full)
    for window in sorted((export for export in newest if not export.is_full), key=lambda export: export.from_at):
        assert reached is not None, "no window joins before there is a full export"
        if window.from_at > reached:
            found.append((reached, window.from_at))
        reached = max(reached, window.to_at)
    return tuple(found)


@dataclass
class _Settling:
    """One table between two runs: what is settled stays so, what is not is judged again (rules C3, C5, K4)."""

    decided: Mapping[str, str]
    answers: Mapping[str, str]
    limits: Limits
    pending: list[ExportInput] = field(default_factory=list)
    applied: list[ExportInput] = field(default_factory=list)
    rejected: list[ExportInput] = field(default_factory=list)
    deletes: dict[str, Deletes] = field(default_factory=dict)

    @property
    def covering(self) -> list[ExportInput]:
        """A rejected window counts as covered and empty, a rejected full export as never delivered (rule C4)."""
        return self.applied + [export for export in self.rejected if not export.is_full]

    def run(self, arrived: Sequence[ExportInput]) -> ExportInput | None:
        """Judge the lowest eligible export until none is left, or one fails without a decision: that one."""
        settled = {export.export_id for export in (*self.applied, *self.rejected)}
        self.pending = _once([*self.pending, *(export for export in arrived if export.export_id not in settled)])
        while export := next((candidate for candidate in self.pending if _eligible(candidate, self.covering)), None):
            action = self._action(export)
            if action is None:
                return export
            (self.applied if action == "accept" else self.rejected).append(export)
            self.pending.remove(export)
        return None

    def _action(self, export: ExportInput) -> str | None:
        """Accept or reject; None where somebody has to decide. What was rejected by name stays out (rule C4)."""
        fails = self._fails(export)
        if decided := self.decided.get(export.export_id):
            return decided
        return self.answers.get(export.export_id) if fails else "accept"

    def _fails(self, export: ExportInput) -> bool:
        if export.is_full:
            self.deletes[export.export_id] = deletes(export, self.applied)
        too_many = export.is_full and self.deletes[export.export_id].fails(self.limits)
        return too_many or verdict(export).fails

    def chain(self, stuck: ExportInput | None) -> Chain:
        """What became of every export."""
        pending = list(self.pending)
        held: list[ExportInput] = []
        if stuck is not None:
            pending.remove(stuck)
            while export := next(
                (candidate for candidate in pending if _eligible(candidate, [*self.covering, stuck, *held])), None
            ):
                held.append(export)
                pending.remove(export)
        waiting = {
            export.export_id: Gap(_covered(_since(export.generation, self.covering)), export.from_at)
            for export in pending
        }
        unprotected = _unprotected(self.covering)
        return Chain(
            tuple(self.applied), tuple(self.rejected), waiting, stuck, tuple(held), unprotected, dict(self.deletes)
        )


def _actions(decisions: Sequence[Decision]) -> dict[str, str]:
    return {decision.export_id: decision.action for decision in decisions}


def settle_runs(
    batches: Sequence[Sequence[ExportInput]],
    decisions: Sequence[Decision] = (),
    limits: Limits = CONTRACT,
    answers: Sequence[Decision] = (),
) -> Chain:
    """Judge one table's exports batch by batch, as they arrived.

    Only rule C7 makes a difference between that and judging all at once: what a full export would delete depends on
    what had been settled when it was judged, and a recorded verdict stands (rule K4). The decisions are known from
    the start; an answer is a decision that a person takes when the export fails.
    """
    known = _once(export for batch in batches for export in batch)
    settling = _Settling(_actions(decisions), _actions(answers), limits)
    stuck = None
    for batch in batches:
        stuck = settling.run(batch)
    chain = settling.chain(stuck)
    assert len(chain.settled) + len(chain.waiting) + len(chain.held) + (stuck is not None) == len(known)
    return chain
