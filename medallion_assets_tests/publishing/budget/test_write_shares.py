"""Publishers that share a write budget never hold more than it together (rule P7), whatever happens to them."""

from __future__ import annotations

import threading
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.publishing.budget.budget_table import BUDGET_TABLE
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.budget.write_shares import (
    GIVE_UP_SECONDS,
    GONE_SECONDS,
    RENEW_SECONDS,
    WriteShares,
    fair_share,
)
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.publishing.fake_clock import FakeClock

TOTAL = 600.0
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["renew", "renew", "renew", "lost", "kill", "release", "wait"])),
    max_size=40,
)


class Table:
    """The item in memory, as DynamoDB keeps it; an answer that is `lost` is lost after the write."""

    def __init__(self) -> None:
        self.item: dict[str, Any] | None = None
        self.loses_answer = False

    def describe_table(self, **_: Any) -> Any:
        return {"Table": {"TableStatus": "ACTIVE"}}

    def get_item(self, **_: Any) -> Any:
        return {"Item": self.item} if self.item else {}

    def put_item(self, **request: Any) -> Any:
        self.item = request["Item"]
        if self.loses_answer:
            raise ReadTimeoutError(endpoint_url="http://dynamodb")
        return {}


class Publisher:
    """A publisher with its share, which may be killed and begin anew."""

    def __init__(self, table: Any, clock: FakeClock, wanted: float = 500.0) -> None:
        self._begin = lambda: WriteShares(
            table, total_wcu=TOTAL, wanted_wcu=wanted, clock=clock, sleep=clock.sleep, random=Random(7)
        )
        self.clock = clock
        self.kill()

    def kill(self) -> None:
        self.shares, self.held, self.until = self._begin(), 0.0, 0.0

    def renew(self) -> None:
        granted = self.shares.renew(self.lower)
        self.held, self.until = granted.wcu, granted.until

    def lower(self, wcu: float) -> None:
        self.held = min(self.held, wcu)

    @property
    def uses(self) -> float:
        return self.held if self.clock() < self.until else 0.0


@given(steps=STEPS)
@examples(100)
def test_what_is_held_never_adds_up_to_more_than_the_total(steps: list[tuple[int, str]]) -> None:
    """P7: renewals in any order, lost answers, kills, idle hours. Who is killed may go on writing for its lease."""
    table, clock = Table(), FakeClock()
    publishers = [Publisher(table, clock) for _ in range(3)]
    killed: list[tuple[float, float]] = []
    for number, step in steps:
        publisher = publishers[number]
        table.loses_answer = step == "lost"
        if step in ("renew", "lost"):
            publisher.renew()
        elif step == "kill":
            killed.append((publisher.held, publisher.until))
            publisher.kill()
        elif step == "release":
            publisher.lower(0.0)
            publisher.shares.release()
        clock.sleep(4.0 if step == "wait" else 0.5)
        used = sum(publisher.uses for publisher in publishers) + sum(held for held, until in killed if clock() < until)
        assert used <= TOTAL + 1e-6


def test_two_publishers_come_to_equal_shares_and_one_has_what_the_other_leaves() -> None:
    table, clock = Table(), FakeClock()
    first, second = Publisher(table, clock), Publisher(table, clock)
    first.renew()
    second.renew()
    assert (first.held, second.held) == (500.0, 100.0)
    first.renew()
    second.renew()
    assert (first.held, second.held) == (300.0, 300.0)
    second.shares.release()
    first.renew()
    assert first.held == 500.0


def test_a_lease_that_cannot_be_given_back_fails_no_publish() -> None:
    """It was over; the lease ends by itself."""
    table, clock = Table(), FakeClock()
    publisher = Publisher(table, clock)
    publisher.renew()
    table.loses_answer = True
    publisher.shares.release()


def test_what_a_killed_publisher_held_is_free_once_nobody_can_use_it() -> None:
    table, clock = Table(), FakeClock()
    dead, alive = Publisher(table, clock), Publisher(table, clock)
    dead.renew()
    alive.renew()
    clock.sleep(GONE_SECONDS - 1)
    alive.renew()
    assert alive.held == 100.0
    clock.sleep(1.5)
    alive.renew()
    assert alive.held == 500.0


@pytest.mark.parametrize(
    ("wanted", "others", "share"), [(500, [], 500), (500, [500], 300), (500, [100], 500), (100, [500, 500], 100)]
)
def test_who_wants_less_leaves_the_rest(wanted: float, others: list[float], share: float) -> None:
    assert fair_share(TOTAL, wanted, others) == share


def test_a_publisher_without_an_answer_keeps_its_lease_to_its_end_and_then_gives_up() -> None:
    table, clock = Table(), FakeClock()
    publisher = Publisher(table, clock)
    publisher.renew()
    table.loses_answer = True
    publisher.renew()
    assert publisher.uses == 500.0
    clock.sleep(GIVE_UP_SECONDS)
    with pytest.raises(TransientError, match=BUDGET_TABLE):
        publisher.renew()


def test_a_limiter_spends_no_more_than_its_share() -> None:
    """P7: it wants 500 of 600, and so does another, which gives away what is too much."""
    table, clock = Table(), FakeClock()
    other = Publisher(table, clock)
    other.renew()
    shares = WriteShares(table, total_wcu=TOTAL, wanted_wcu=500, clock=clock, sleep=clock.sleep, random=Random(7))
    limiter = CapacityLimiter(500, clock=clock, sleep=clock.sleep, random=Random(7), shares=shares)
    began, spent = clock(), 0
    while clock() < began + 9:
        limiter.acquire(25)
        limiter.reconcile(reserved=25, consumed=25)
        spent += 25
        other.renew()
    whole = 2 * 100 + 7 * 300  # what the other left, until it gave a part away
    assert whole - 100 <= spent <= whole + 25
    limiter.release()
    other.renew()
    assert other.held == 500.0


def test_the_table_is_made_only_where_that_is_allowed(client: Any) -> None:
    """P7: by real requests; two publishers that begin at once see each other."""
    with pytest.raises(
        PermanentError, match="create it: aws dynamodb create-table --table-name medallion_write_budget"
    ):
        WriteShares(client, total_wcu=TOTAL, wanted_wcu=500)
    first = WriteShares(client, total_wcu=TOTAL, wanted_wcu=500, creates=True)
    second = WriteShares(client, total_wcu=TOTAL, wanted_wcu=500)
    assert first.renew(lambda _: None).wcu == 500.0
    assert second.renew(lambda _: None).wcu == 100.0
    first.release()
    assert second.renew(lambda _: None).wcu == 500.0


class SlowTable(Table):
    """One that does not answer until it `may_answer`."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def get_item(self, **request: Any) -> Any:
        self.is_asked.set()
        self.may_answer.wait()
        return super().get_item(**request)


def test_the_others_go_on_while_a_thread_renews_the_lease() -> None:
    """P7: within the share that the publisher has."""
    table, clock = SlowTable(), FakeClock()
    shares = WriteShares(table, total_wcu=TOTAL, wanted_wcu=TOTAL, clock=clock, sleep=clock.sleep)  # type: ignore[arg-type]
    limiter = CapacityLimiter(TOTAL, clock=clock, sleep=clock.sleep, shares=shares)
    limiter.acquire(1)
    clock.sleep(RENEW_SECONDS)
    table.is_asked.clear()
    table.may_answer.clear()
    renewing, other = (threading.Thread(target=limiter.acquire, args=(1,), daemon=True) for _ in range(2))
    renewing.start()
    try:
        assert table.is_asked.wait(60)
        other.start()
        other.join(60)
        assert not other.is_alive()
    finally:
        table.may_answer.set()
    renewing.join(60)
    assert not renewing.is_alive()
