"""Which exports are settled, which wait at a gap, and which one stands at the gate (rules C1 to C5, B5).

Belongs here: the order of judging and what a person's decision does.
Does not: what the settled exports make of the tables (state.py, history.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from medallion_assets_tests.oracle.model import Decision, ExportInput
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
    `unprotected` are the stretches within a full export's minute whose writes may be in no export.
    """

    applied: tuple[ExportInput, ...]
    rejected: tuple[ExportInput, ...]
    waiting: dict[str, Gap]
    stuck: ExportInput | None
    held: tuple[ExportInput, ...]
    unprotected: tuple[Unprotected, ...]

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


def _eligible(export: ExportInput, covering: Sequence[ExportInput]) -> bool:
    """Whether the export joins up: a window begins by the end of another, or by T of a full export (rules C1, C2)."""
    return export.is_full or any(export.from_at <= one.to_at for one in covering)


def _unprotected(covering: Sequence[ExportInput]) -> tuple[Unprotected, ...]:
    """What no window covers between the newest full export's S and a window that joined later (rule C1)."""
    found: list[Unprotected] = []
    reached = _covered(export for export in covering if export.is_full)
    for window in sorted((one for one in covering if not one.is_full), key=lambda one: one.from_at):
        assert reached is not None, "no window joins before there is a full export"
        if window.from_at > reached:
            found.append((reached, window.from_at))
        reached = max(reached, window.to_at)
    return tuple(found)


def settle(exports: Sequence[ExportInput], decisions: Sequence[Decision]) -> Chain:
    """Judge one table's exports, the lowest eligible first, until none is left or one fails without a decision."""
    actions = {decision.export_id: decision.action for decision in decisions}
    pending = _once(exports)
    applied: list[ExportInput] = []
    rejected: list[ExportInput] = []

    def covering() -> list[ExportInput]:
        # A rejected window counts as covered and empty, a rejected full export as never delivered (rule C4).
        return applied + [export for export in rejected if not export.is_full]

    stuck = None
    while stuck is None:
        export = next((one for one in pending if _eligible(one, covering())), None)
        if export is None:
            break
        action = actions.get(export.export_id) if verdict(export).fails else "accept"
        if action is None:
            stuck = export
            continue
        (applied if action == "accept" else rejected).append(export)
        pending.remove(export)

    held: list[ExportInput] = []
    if stuck is not None:
        pending.remove(stuck)
        while export := next((one for one in pending if _eligible(one, [*covering(), stuck, *held])), None):
            held.append(export)
            pending.remove(export)
    covered = _covered(covering())
    waiting = {export.export_id: Gap(covered, export.from_at) for export in pending}
    return Chain(tuple(applied), tuple(rejected), waiting, stuck, tuple(held), _unprotected(covering()))
