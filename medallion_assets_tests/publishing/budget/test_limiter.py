"""The capacity limiter keeps to a budget and uses it (rule P3), by a clock that only moves when somebody sleeps."""

from __future__ import annotations

import threading
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.errors import SettingsError
from medallion_assets.publishing.budget.limiter import LONGEST_PAUSE_SECONDS, CapacityLimiter
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.publishing.emulated_budget import TokenBucket
from medallion_assets_tests.publishing.fake_clock import FakeClock

COSTS = st.lists(st.integers(1, 60), min_size=1, max_size=80)
IDLE = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.3, 5.0]), min_size=80, max_size=80)


class CountedLimiter(CapacityLimiter):
    """Counts requests, what was charged, and what was refused."""

    requests, consumed_wcu, throttled_requests = 0, 0.0, 0

    def reconcile(self, *, reserved: float, consumed: float, throttled: bool = False) -> None:
        super().reconcile(reserved=reserved, consumed=consumed, throttled=throttled)
        self.requests += 1
        self.consumed_wcu += consumed
        self.throttled_requests += throttled


def limiter_of(target_wcu: float, clock: FakeClock) -> CountedLimiter:
    return CountedLimiter(target_wcu, clock=clock, sleep=clock.sleep, random=Random(7))


def spend(limiter: CapacityLimiter, clock: FakeClock, table: TokenBucket, *, seconds: float, cost: int = 25) -> None:
    """Write without pause for `seconds`, at 4 ms a request, retrying what the table refuses."""
    end = clock() + seconds
    while clock() < end:
        limiter.acquire(cost)
        clock.sleep(0.004)
        admitted = table.admit(cost)
        limiter.reconcile(reserved=cost, consumed=cost if admitted else 0, throttled=not admitted)


@given(costs=COSTS, idle=IDLE)
@examples(100)
def test_no_period_gets_more_than_its_budget_and_one_second_of_savings(costs: list[int], idle: list[float]) -> None:
    clock = FakeClock()
    limiter = limiter_of(100, clock)
    grants = []
    for cost, pause in zip(costs, idle, strict=False):
        clock.sleep(pause)
        limiter.acquire(cost)
        limiter.reconcile(reserved=cost, consumed=cost)
        grants.append((clock(), cost))
    for first in range(len(grants)):
        spent = 0
        for moment, cost in grants[first:]:
            spent += cost
            assert spent <= 100 * (moment - grants[first][0]) + 100 + grants[first][1] + 1e-6


@given(costs=COSTS)
@examples(100)
def test_from_the_start_nothing_is_spent_before_it_flowed_in(costs: list[int]) -> None:
    clock = FakeClock()
    start = clock()
    limiter = limiter_of(100, clock)
    for cost in costs:
        limiter.acquire(cost)
        limiter.reconcile(reserved=cost, consumed=cost)
        assert limiter.consumed_wcu <= 100 * (clock() - start) + 1e-6
    assert limiter.consumed_wcu >= 0.95 * 100 * (clock() - start)


@pytest.mark.parametrize(("target_wcu", "cost"), [(5, 1), (60, 1), (60, 15), (500, 7), (500, 25), (4000, 25)])
def test_a_table_with_the_same_budget_is_used_up_and_refuses_next_to_nothing(target_wcu: int, cost: int) -> None:
    """The floors of benchmarks/publish.py: at least 95 % used, at most 1 % refused."""
    clock = FakeClock()
    table = TokenBucket(target_wcu, clock=clock)
    limiter = limiter_of(target_wcu, clock)
    spend(limiter, clock, table, seconds=100, cost=cost)
    assert table.consumed >= 0.95 * target_wcu * 100
    assert limiter.throttled_requests <= 0.01 * limiter.requests


def test_what_dynamodb_reports_steers_the_pace() -> None:
    """Every write costs twice what was expected (an index, say): half as many go."""
    clock = FakeClock()
    start = clock()
    limiter = limiter_of(500, clock)
    for _ in range(2000):
        limiter.acquire(5)
        limiter.reconcile(reserved=5, consumed=10)
    assert limiter.consumed_wcu == 20_000
    assert 500 * (clock() - start) == pytest.approx(20_000, rel=0.05)


@pytest.mark.parametrize("share", first_quick(0.5, 0.8, 0.97))
def test_a_table_with_less_than_the_target_is_found_out_with_few_refusals(share: float) -> None:
    clock = FakeClock()
    table = TokenBucket(500 * share, clock=clock)
    limiter = limiter_of(500, clock)
    spend(limiter, clock, table, seconds=300, cost=1)
    assert table.consumed >= 0.85 * min(500 * share, 250) * 300
    assert limiter.throttled_requests <= 0.01 * limiter.requests


def test_a_refusal_takes_the_savings_slows_down_and_time_heals() -> None:
    clock = FakeClock()
    limiter = limiter_of(100, clock)
    clock.sleep(1.0)
    limiter.acquire(10)
    limiter.reconcile(reserved=10, consumed=0, throttled=True)
    assert limiter.rate < 100
    refused_at = clock()
    limiter.acquire(10)
    assert clock() - refused_at >= 0.1  # the 90 that were saved are gone: 10 had to flow in anew
    clock.sleep(30)
    limiter.acquire(1)
    assert limiter.rate == 100


def test_pauses_grow_with_refusals_in_a_row_and_stay_bounded() -> None:
    clock = FakeClock()
    limiter = limiter_of(1_000_000, clock)
    pauses = []
    for _ in range(60):
        before = clock()
        limiter.back_off()
        pauses.append(clock() - before)
    assert max(pauses[:2]) <= 0.1
    assert 1.0 < max(pauses) <= LONGEST_PAUSE_SECONDS
    assert len(set(pauses)) > 50  # jitter: no two publishers come back in step


def test_threads_share_one_budget() -> None:
    clock = FakeClock()
    start = clock()
    limiter = limiter_of(500, clock)

    def write() -> None:
        for _ in range(100):
            limiter.acquire(2)
            limiter.reconcile(reserved=2, consumed=2)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 500 * (clock() - start) >= 8 * 100 * 2


@pytest.mark.parametrize("target_wcu", [0, -1, float("nan")])
def test_a_budget_that_is_none_is_refused(target_wcu: float) -> None:
    with pytest.raises(SettingsError, match="target_wcu"):
        CapacityLimiter(target_wcu)
