"""Histories of exports of simulated tables.

Belongs here: which exports are taken when.
Does not: how an export is taken (real_table.py), or what may come of it (real_state.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random

from hypothesis import strategies as st

from medallion_assets_tests.oracle.model import TABLES, ExportInput, micros
from medallion_assets_tests.oracle.real_table import RealTable, busy_table

START = datetime(2025, 3, 8, 7, 30, tzinfo=UTC)
"""Half an hour before a midnight of Los Angeles."""
SHORTEST_WINDOW = 900
_EARLIER, _LATER = timedelta(minutes=5), timedelta(minutes=2)


@dataclass(frozen=True)
class Plan:
    """When exports are taken. A first window's begin, then the ends of windows that join up, a full export's times.

    Seconds from START. Each window begins `overlap` seconds before the one before it ended.
    """

    begin: int
    ends: tuple[int, ...]
    fulls: tuple[float, ...]
    overlap: int = 0

    @property
    def windows(self) -> list[tuple[datetime, datetime]]:
        """The windows, the earliest first."""
        begins = [self.begin, *(end - self.overlap for end in self.ends)]
        return [(moment(begin), moment(end)) for begin, end in zip(begins, self.ends, strict=False)]


@dataclass(frozen=True)
class RealHistory:
    """A table, and exports of it that reach from some full export to the last window's end without a gap.

    The windows go on for at least a minute after the last full export.
    """

    real: RealTable
    exports: tuple[ExportInput, ...]

    @cached_property
    def windows(self) -> list[ExportInput]:
        """The incremental exports."""
        return [export for export in self.exports if not export.is_full]

    @property
    def newest_full(self) -> ExportInput:
        """The full export that decides last (rule K1)."""
        return max((export for export in self.exports if export.is_full), key=lambda export: export.to_at)

    @property
    def end(self) -> int:
        """The last moment that the windows cover, in microseconds."""
        return max(micros(export.to_at) for export in self.windows) - 1


def moment(seconds: float) -> datetime:
    """So many seconds after START."""
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Recipe:
    """What a history is made from, always the same one."""

    table: str
    seed: int
    plan: Plan
    every: timedelta
    shortest_life: timedelta = timedelta()
    longest_lag: timedelta = timedelta()

    def history(self) -> RealHistory:
        """A busy table, and the exports of the plan."""
        random, plan = Random(self.seed), self.plan
        begin, end = moment(plan.begin) - _EARLIER, moment(plan.ends[-1]) + _LATER
        real = busy_table(
            self.table,
            random,
            begin,
            end,
            every=self.every,
            shortest_life=self.shortest_life,
            longest_lag=self.longest_lag,
        )
        ids = _ids(random, self.table)
        windows = [real.window(next(ids), from_at, to_at, random) for from_at, to_at in plan.windows]
        fulls = [real.full_export(next(ids), moment(at), random) for at in plan.fulls]
        return RealHistory(real, (*fulls, *windows))


def _ids(random: Random, table: str) -> Iterator[str]:
    """Ids in no order."""
    number = 0
    while True:
        number += 1
        started = micros(START) // 1000 + random.randint(0, 10_000_000)
        yield f"0{started:013d}-{random.choice('0f')}{TABLES.index(table)}{number:06x}"


@st.composite
def plans(draw: st.DrawFn, *, windows: int, fulls: int) -> Plan:
    """Up to so many windows and full exports, the latter mostly where one window ends and the next one begins.

    The first window begins before the S of the first full export, at it, or up to the full export's time. A minute
    after the last full export windows still go on.
    """
    ends: list[int] = []
    for _ in range(draw(st.integers(1, windows))):
        ends.append((ends or [0])[-1] + SHORTEST_WINDOW + draw(st.integers(0, 300)))
    first = draw(st.sampled_from((60, 60, 61, 90, 400, 59, 30, 0)))
    others = st.builds(
        lambda cut, after: min(cut + after, ends[-1] - 60),
        st.sampled_from([0, *ends]),
        st.one_of(st.integers(-130, 130), st.integers(130, SHORTEST_WINDOW), st.just(-60.123)),
    )
    overlap = draw(st.sampled_from((0, 0, 0, 1, 60, 600)))
    return Plan(0, tuple(ends), (first, *draw(st.lists(others, max_size=fulls - 1, unique=True))), overlap)


@st.composite
def recipes(draw: st.DrawFn, *, table: str, windows: int, fulls: int) -> Recipe:
    """Any table of that name, written to every few seconds; of some tables writes come from replicas, hours late."""
    every = timedelta(seconds=draw(st.sampled_from((6, 12, 25))))
    plan, lag = draw(plans(windows=windows, fulls=fulls)), timedelta(hours=draw(st.sampled_from((0, 0, 1, 6))))
    return Recipe(table, draw(st.integers(0, 9999)), plan, every, longest_lag=lag)
