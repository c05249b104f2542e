"""Small and nasty histories of exports, and the ways in which they can arrive.

Belongs here: which exports there are, how they join up, and how they arrive.
Does not: the lines of an export (record_strategies.py, flaw_strategies.py), or what a history means (oracle.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from hypothesis import strategies as st

from medallion_assets_tests.oracle.chain import settle_runs
from medallion_assets_tests.oracle.flaw_strategies import poison_lines, with_flaws
from medallion_assets_tests.oracle.model import (
    CONTRACT,
    CUSTOMERS,
    FULL,
    INCREMENTAL,
    TABLES,
    TRANSACTIONS,
    Decision,
    ExportInput,
    Limits,
    micros,
)
from medallion_assets_tests.oracle.record_strategies import (
    CUTS,
    Span,
    full_lines,
    window_lines,
)
from medallion_assets_tests.oracle.records import read_once, verdict

HOUR_MILLIS = 3_600_000
# How long after a cut a full export is: a window that begins at the cut begins at its S, a second after it, within its
# minute, at its T; before its S. A second more, and there is a gap.
_AFTER = tuple(timedelta(seconds=seconds) for seconds in (60, 60, 59, 30, 0, 61, 90))
_Export = TypeVar("_Export")  # or what stands for one
_TOO_EARLY = timedelta(seconds=-1)


@dataclass(frozen=True)
class History:
    """Exports of both tables and what a person decided about those that fail the gate."""

    exports: tuple[ExportInput, ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class _Step:
    """One export to come: its span, in indices of CUTS (a full export: both equal, and how long after it it is)."""

    start: int
    end: int
    is_full: bool
    is_poisoned: bool
    after: timedelta = timedelta()
    has_shrunk: bool = False

    @property
    def span(self) -> Span:
        """The export's two moments."""
        return Span(CUTS[self.start] + self.after, CUTS[self.end] + self.after)


@st.composite
def _plans(draw: st.DrawFn, *, count: int, allow_gaps: bool, shrinks: bool = False) -> list[_Step]:
    """How one table's exports lie in time. Without gaps every window joins up with what healthy exports cover."""
    afters = st.sampled_from([*_AFTER, _TOO_EARLY] if allow_gaps else _AFTER)
    last = len(CUTS) - 1
    covered = draw(st.integers(2, 6))
    steps = [_Step(covered, covered, is_full=True, is_poisoned=False, after=draw(afters))]
    kinds = (
        ["next"] * 4
        + ["overlap", "overlap", "full", "full", "shrunk", "again", "early", "twin"]
        + ["gap"] * 2 * allow_gaps
    )
    kinds = ["next", "next", "overlap", "twin", *["shrunk"] * 4] if shrinks else kinds
    while len(steps) < count:
        kind = draw(st.sampled_from(kinds))
        length = draw(st.integers(1, 3))  # times 4 hours; an overlapping window has twice that, a day at most
        windows = [step for step in steps if not step.is_full]
        fulls = [step for step in steps if step.is_full]
        start, end, after = min(covered, last - 1), min(covered + length, last), timedelta()
        if kind == "overlap":
            start = max(0, covered - length)
        elif kind == "gap":
            start = min(covered + length, last - 1)
            end = min(start + length, last)
        elif kind == "early":
            start, end = 0, draw(st.integers(1, fulls[0].start))
        elif again := {"again": windows, "twin": fulls}.get(kind):
            same = draw(st.sampled_from(again))
            start, end, after = same.start, same.end, same.after
        elif kind in {"full", "shrunk"}:
            likely = [covered] * 6 if kind == "shrunk" else [step.start for step in windows if step.start] * 3
            start = end = draw(st.sampled_from([*range(1, last + 1), *likely]))
        is_full = start == end
        if is_full and kind != "twin":
            after = draw(afters)
        step = _Step(start, end, is_full, draw(st.integers(1, 12)) == 12, after, has_shrunk=kind == "shrunk")
        # A poisoned full export may get rejected, and then it covers nothing.
        if step.start <= covered or (step.is_full and not step.is_poisoned):
            covered = max(covered, covered if step.is_full and step.is_poisoned else step.end)
        steps.append(step)
    if allow_gaps and draw(st.integers(0, 3)) == 3:
        del steps[0]
    return steps


@st.composite
def _exports(draw: st.DrawFn, *, table: str, number: int, step: _Step) -> ExportInput:
    """The step's export: its id, its records, and how they lie in 1 to 3 data files, some of them empty."""
    span = step.span
    if step.is_full:
        lines = draw(full_lines(table, span, has_shrunk=step.has_shrunk))
    else:
        lines = draw(window_lines(table, span))
    lines = draw(with_flaws(table, lines))
    if step.is_poisoned:
        lines += draw(poison_lines(table, span, is_full=step.is_full))
    files: list[list[str]] = [[] for _ in range(draw(st.integers(1, 3)))]
    for line in lines:
        files[draw(st.integers(0, len(files) - 1)) if len(files) > 1 else 0].append(line)
    return ExportInput(
        table=table,
        export_id=_export_id(table, number, span.to_at, draw(st.sampled_from([0, 1, 30])), draw(st.sampled_from("0f"))),
        export_type=FULL if step.is_full else INCREMENTAL,
        from_at=span.from_at,
        to_at=span.to_at,
        files=tuple(map(tuple, files)),
        file_names=tuple(_file_name(table, number, position) for position in range(len(files))),
    )


def _export_id(table: str, number: int, to_at: datetime, hours_later: int, rank: str) -> str:
    """Unique by table and number; neither the order of time nor of making is that of the ids."""
    started = micros(to_at) // 1000 + hours_later * HOUR_MILLIS
    return f"0{started:013d}-{rank}{TABLES.index(table)}{number:06x}"


def _file_name(table: str, number: int, position: int) -> str:
    """26 letters, unique even in the folder that all incremental exports share, ascending in an export."""
    letters = "abcdefghijklmnop"
    return f"{letters[position]}{letters[TABLES.index(table)]}{letters[number]}".ljust(26, "2") + ".json.gz"


@st.composite
def histories(draw: st.DrawFn, *, allow_gaps: bool = True) -> tuple[ExportInput, ...]:
    """Exports of both tables: 2 to 6 of transactions, none to 4 of customers.

    With gaps, windows may wait and the first full export may lack; without, every export settles once those that fail
    the gate are decided.
    """
    made: list[ExportInput] = []
    for table, count in ((TRANSACTIONS, draw(st.integers(2, 6))), (CUSTOMERS, draw(st.integers(0, 4)))):
        made += draw(table_histories(table=table, count=count, allow_gaps=allow_gaps))
    return tuple(made)


@st.composite
def table_histories(
    draw: st.DrawFn,
    *,
    table: str,
    count: int,
    allow_gaps: bool = True,
    number: int = 0,
    later: timedelta = timedelta(),
    shrinks: bool = False,
) -> list[ExportInput]:
    """So many exports of one table, numbered on from `number`; their moments may all lie some seconds `later`.

    A table that shrinks has many full exports with few items.
    """
    steps = draw(_plans(count=count, allow_gaps=allow_gaps, shrinks=shrinks)) if count else []
    return [
        draw(_exports(table=table, number=at, step=replace(step, after=step.after + later)))
        for at, step in enumerate(steps, start=number)
    ]


@st.composite
def shrinking_histories(draw: st.DrawFn) -> tuple[ExportInput, ...]:
    """Exports of either table, which shrinks again and again."""
    table = draw(st.sampled_from(TABLES))
    return tuple(draw(table_histories(table=table, count=draw(st.integers(2, 6)), shrinks=True)))


@st.composite
def decisions(
    draw: st.DrawFn, exports: Sequence[ExportInput], *, decide_all: bool = False, limits: Limits = CONTRACT
) -> tuple[Decision, ...]:
    """What a person says about exports that fail the gate, and about empty full exports, which may.

    With `decide_all` about every one of them, in whatever order they arrive: so a full export without a good record,
    which fails in some orders only (rule C7), is accepted. Else one after the other as they fail, had all exports
    arrived at once, until nobody says anything.
    """
    made: list[Decision] = []
    if decide_all:
        for export in exports:
            if verdict(export).fails:
                made.append(draw(_decided(export)))
            elif export.is_full and not any(record.is_good for record in read_once(export)):
                made.append(Decision(export.table, export.export_id, "accept"))
        return tuple(made)
    for table in TABLES:
        of_table = [export for export in exports if export.table == table]
        while (stuck := settle_runs([of_table], made, limits).stuck) and draw(st.integers(1, 3)) != 1:
            made.append(draw(_decided(stuck)))
    return tuple(made)


def _decided(export: ExportInput) -> st.SearchStrategy[Decision]:
    accept = Decision(export.table, export.export_id, "accept")
    return st.sampled_from([accept, Decision(export.table, export.export_id, "reject")])


@st.composite
def settled_histories(draw: st.DrawFn) -> History:
    """Histories in which every export settles: the ones that rule K4 speaks of."""
    exports = draw(histories(allow_gaps=False))
    return History(exports, draw(decisions(exports, decide_all=True)))


@st.composite
def any_histories(draw: st.DrawFn) -> History:
    """Histories in which windows may wait and exports may stand at the gate."""
    exports = draw(histories())
    return History(exports, draw(decisions(exports)))


@st.composite
def answers(draw: st.DrawFn, exports: Sequence[ExportInput]) -> tuple[Decision, ...]:
    """What a person would say about each export if it failed the gate."""
    return tuple(draw(_decided(export)) for export in exports)


@st.composite
def arrivals_in_order(draw: st.DrawFn, exports: Sequence[ExportInput]) -> tuple[tuple[ExportInput, ...], ...]:
    """The exports as they were taken, one or several at a time."""
    batches: list[list[ExportInput]] = []
    for export in sorted(exports, key=lambda export: (export.to_at, export.export_id)):
        if not batches or draw(st.booleans()):
            batches.append([])
        batches[-1].append(export)
    return tuple(map(tuple, batches))


@st.composite
def arrivals(draw: st.DrawFn, exports: Sequence[_Export]) -> tuple[tuple[_Export, ...], ...]:
    """The exports in any order, up to two of them twice, cut into consecutive batches; none of the batches is empty."""
    if not exports:
        return ()
    again = draw(st.lists(st.sampled_from(list(exports)), max_size=2))
    order = draw(st.permutations([*exports, *again]))
    batches: list[list[_Export]] = [[order[0]]]
    for export in order[1:]:
        if draw(st.booleans()):
            batches.append([])
        batches[-1].append(export)
    return tuple(map(tuple, batches))
