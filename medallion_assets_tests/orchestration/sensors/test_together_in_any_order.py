"""Rule P6 in any order: changes, runs that fail, are killed or overlap; and in the end readers have both tables."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion_assets.contracts.pipeline import AsOf, Published
from medallion_assets.contracts.table import Table
from medallion_assets.deriving.build import build
from medallion_assets.orchestration.audits import other_runs
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.settings import load_settings
from medallion_assets.stages.together import companions, holding_back
from medallion_assets_tests.orchestration.sensors.restated_days import LTV, SALES, Follower, day, days_of, plant
from medallion_assets_tests.properties.examples import examples

ENDS = ("killed", "builds", "audited", "publishes")
"""How far a run comes: it is killed at once, or after it has committed, told that its audit is right, or published."""
STEPS = st.lists(
    st.tuples(st.just("change"), st.integers(0, 2))
    | st.tuples(st.just("asks"), st.sampled_from((0, 1)))
    | st.tuples(st.sampled_from(ENDS), st.integers(0, 2)),
    min_size=6,
    max_size=16,
)
SERVED = {published.gold.table.name: published for published in TRANSACTIONS.published}


@dataclass
class Made:
    """What a Gold table holds of a day: the version of Silver that it was built from, and whether that was audited."""

    source: int
    is_audited: bool = False


@dataclass
class World:
    """Silver, two Gold tables and their readers, and the runs that are under way."""

    follower: Follower
    amounts: dict[date, int] = field(default_factory=dict)
    changes: list[tuple[int, date]] = field(default_factory=list)
    made: dict[str, dict[date, Made]] = field(default_factory=lambda: {SALES.name: {}, LTV.name: {}})
    read: dict[str, dict[date, int]] = field(default_factory=lambda: {SALES.name: {}, LTV.name: {}})
    runs: list[tuple[Table, dg.RunRequest]] = field(default_factory=list)

    def change(self, number: int) -> None:
        """Silver restates a day."""
        self.amounts[day(number)] = self.amounts.get(day(number), 0) + 1
        version = plant(self.follower.lakehouse, {day: str(amount) for day, amount in self.amounts.items()})
        self.changes.append((version, day(number)))

    def ask(self, gold: Table) -> int:
        """The sensor of a Gold table looks; its runs begin. Gives how many."""
        requests = self.follower.tick(gold) if self.changes else []
        self.runs += [(gold, request) for request in requests]
        return len(requests)

    def build(self, run: tuple[Table, dg.RunRequest]) -> None:
        """A run has committed Gold, and told nobody yet."""
        gold, request = run
        if asset_key(gold) in (request.asset_selection or ()):
            source = self.follower.lakehouse.open(SERVED[gold.name].gold.source).version
            build(self.follower.lakehouse, SERVED[gold.name].gold, days_of(request))
            self.made[gold.name].update({day: Made(source) for day in days_of(request)})

    def audit(self, run: tuple[Table, dg.RunRequest]) -> None:
        """It has told as well that what it built is right."""
        gold, request = run
        if asset_key(gold) in (request.asset_selection or ()):
            self.build(run)
            self.follower.tell(gold, days_of(request), self.follower.lakehouse.open(gold).version)
            for day in days_of(request):
                self.made[gold.name][day].is_audited = True

    def publish(self, run: tuple[Table, dg.RunRequest]) -> None:
        """It publishes, unless something holds it back."""
        gold, request = run
        published, days = SERVED[gold.name], days_of(request)
        self.audit(run)
        if asset_key(published.table) not in (request.asset_selection or ()):
            return
        others = other_runs(self.follower.instance)
        together = TRANSACTIONS.published_with(published)
        found = companions(self.follower.lakehouse, together, beside=published.gold, others=others)
        wanted = days[-1:] if isinstance(published.gold, AsOf) else days
        if not list(holding_back(found, wanted)):
            for day in wanted:
                assert self.may_be_read(published, day), (gold.name, day, self.changes, self.made)
                self.read[gold.name][day] = self.made[gold.name][day].source
            self.follower.tell(published.table, days, self.follower.lakehouse.open(gold).version)

    def may_be_read(self, published: Published, day: date) -> bool:
        """Whether the other table has all that this one has of a day, and was found right."""
        (other,) = TRANSACTIONS.published_with(published)
        made = self.made[other.table.name]
        shown = max([day, *made]) if isinstance(other, AsOf) else day
        reaches = self.made[published.gold.table.name][day].source
        counts = [when for when, changed in self.changes if changed == shown or isinstance(other, AsOf)]
        wanted = [when for when in counts if when <= reaches]
        return not wanted or (shown in made and made[shown].source >= max(wanted) and made[shown].is_audited)

    def settle(self) -> None:
        """Runs succeed from now on, until nothing is asked for."""
        for _ in range(8):
            asked = self.ask(SALES) + self.ask(LTV)
            if not asked:
                return
            runs, self.runs = self.runs, []
            for run in runs:
                self.publish(run)
        raise AssertionError("days wait for ever")


@contextmanager
def a_world() -> Iterator[World]:
    """Nothing has happened yet."""
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral() as instance:
        yield World(Follower(load_settings({"MEDALLION_HOME": folder}), instance))


def take(world: World, step: str, number: int) -> None:
    """One thing happens: a change, a look of a sensor, or the end of one of the runs under way."""
    if step == "change":
        world.change(number)
    elif step == "asks":
        world.ask((SALES, LTV)[number])
    elif world.runs:
        run = world.runs.pop(number % len(world.runs))
        {"killed": lambda _: None, "builds": world.build, "audited": world.audit, "publishes": world.publish}[step](run)


@pytest.mark.slow
@settings(examples(30))
@given(STEPS)
def test_readers_never_have_a_day_of_one_table_alone(steps: list[tuple[str, int]]) -> None:
    """P6: whatever ends a run, and whichever is first; when runs succeed again both tables are published."""
    with a_world() as world:
        for number in (0, 1):
            world.change(number)
        world.settle()
        world.change(0)
        for gold in (SALES, LTV):
            world.ask(gold)
        for step, number in steps:
            take(world, step, number)
        world.settle()
        last = max(world.amounts)
        for day in world.amounts:
            assert world.read[SALES.name][day] >= max(when for when, changed in world.changes if changed == day)
        assert world.read[LTV.name][last] >= max(when for when, _ in world.changes)
