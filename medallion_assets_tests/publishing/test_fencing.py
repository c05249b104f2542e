"""A publish whose place another one took stops, and what it still sends does no harm."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import Any

import pytest

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.days.day_publisher import USUAL, publish_day
from medallion_assets.publishing.fencing import FencingToken, take_turn
from medallion_assets.publishing.items.item_publisher import publish_items
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.keys import Keys
from medallion_assets.publishing.owner import ServingOwner, claim, replace_owner
from medallion_assets.publishing.publisher import PublishResult
from medallion_assets.publishing.reader import read_day
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.publishing.fake_clock import FakeClock
from medallion_assets_tests.publishing.faults import InterleavedClient
from medallion_assets_tests.publishing.under_way import NOW, under_way
from medallion_assets_tests.services.serving_tables import ServingTables

A_DAY = date(2025, 3, 4)
WISH = ServingOwner(lakehouse_id="lake", place="/lake", table_id="gold", by="ann", since=NOW)
STEPS_TO_TAKE_A_TURN = 2
READS = {"get_item", "query", "scan"}
DAYS_KEY, ITEMS_KEY = {"metric_date": "S", "row_key": "S"}, {"customer_id": "S"}


def turn(client: Any, name: str, keys: Keys, limiter: CapacityLimiter, run_id: str) -> FencingToken:
    """What a publish does before its first row."""
    table = BudgetedTable(client, name, limiter)
    owner = claim(table, keys, WISH, first_generation=lambda: 0, is_latest=lambda: True)
    return take_turn(table, keys, owner, run_id, NOW)


def publish_version(
    serving: ServingTables, limiter: CapacityLimiter, run_id: str, version: int, day: date, client: Any = None
) -> PublishResult:
    client = client or serving.client
    return publish_day(
        under_way(
            BudgetedTable(client, serving.days, limiter, turn(client, serving.days, DAYS_KEY, limiter, run_id)),
            version,
            run_id=run_id,
        ),
        day,
        [{"region": f"r{i}", "units_sold": version} for i in range(3)],
        key_columns=("region",),
    )


def publish_pair(
    serving: ServingTables, limiter: CapacityLimiter, run_id: str, version: int, day: date, client: Any = None
) -> PublishResult:
    client = client or serving.client
    token = turn(client, serving.items, ITEMS_KEY, limiter, run_id)
    return publish_items(
        under_way(BudgetedTable(client, serving.items, limiter, token), version, run_id=run_id),
        [{"customer_id": name, "orders": version} for name in ("ann", f"only-{version}")],
        keys={"customer_id": "S"},
        columns=("customer_id", "orders"),
        previous_rows=None,
        previous_watermark=None,
        as_of=day,
    )


class Late(InterleavedClient):
    """Remembers what it sent after the request that was on its way when something else happened."""

    def __init__(self, client: Any, *, at: int, meanwhile: Callable[[], object]) -> None:
        super().__init__(client, at=at, meanwhile=meanwhile)
        self.sent_later: list[str] = []

    def __getattr__(self, name: str) -> Any:
        call = super().__getattr__(name)

        def remembered(**request: Any) -> Any:
            if self.calls > self._at:
                self.sent_later.append(name)
            return call(**request)

        return remembered


@pytest.mark.parametrize("publish", first_quick(publish_version, publish_pair))
@pytest.mark.parametrize("newer", first_quick(3, 2), ids=["a newer version", "the same version"])
def test_a_publish_that_lost_its_turn_at_any_step_writes_nothing_more(
    serving: ServingTables, publish: Callable[..., PublishResult], newer: int
) -> None:
    """Another one, which publishes the same version or a newer one, takes its turn and is done meanwhile."""
    stopped = 0
    for at in count():
        clock = FakeClock()
        limiter = CapacityLimiter(500, clock=clock, sleep=clock.sleep, random=Random(7))
        day = A_DAY + timedelta(days=at)
        publish(serving, limiter, "run-1", 1, day)

        def meanwhile(day: date = day, limiter: CapacityLimiter = limiter, clock: FakeClock = clock) -> None:
            publish(serving, limiter, "run-3", newer, day)
            clock.sleep(1.0)

        late = Late(serving.client, at=at, meanwhile=meanwhile)
        try:
            publish(serving, limiter, "run-2", 2, day, late)
        except PermanentError as error:
            stopped += "took over from this one" in error.what
        if late.calls <= at:
            break
        if at >= STEPS_TO_TAKE_A_TURN:
            assert {name for name in late.sent_later if name not in READS} == set()
        if publish is publish_version:
            assert {row["units_sold"] for row in read_day(serving.client, serving.days, day)} == {newer}
        else:
            assert read_watermark(serving.client, serving.items, keys={"customer_id": "S"}) == (day, newer)
    assert at >= 8
    assert stopped >= 4


def test_a_pointer_moves_only_after_a_look_however_short_the_publish(
    serving: ServingTables, limiter: CapacityLimiter
) -> None:
    """Another one takes the turn and dies, within the second in which this one writes its rows."""
    for at in count():
        day = A_DAY + timedelta(days=at)
        late = Late(
            serving.client,
            at=at,
            meanwhile=lambda: turn(serving.client, serving.days, DAYS_KEY, limiter, "run-3"),
        )
        with suppress(PermanentError):
            publish_version(serving, limiter, "run-2", 2, day, late)
        if late.calls <= at:
            break
        if at >= STEPS_TO_TAKE_A_TURN:
            assert "put_item" not in late.sent_later
    assert at >= 8


def test_a_publish_looks_at_its_turn_once_a_second(real_serving: ServingTables) -> None:
    """Rule P3: at a read a second, and not one a write."""
    clock = FakeClock()
    limiter = CapacityLimiter(500, clock=clock, sleep=clock.sleep, random=Random(7))
    token = turn(real_serving.client, real_serving.days, DAYS_KEY, limiter, "run-1")
    looks = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            if name == "get_item":
                looks.append(clock())
            return getattr(real_serving.client, name)

    table = BudgetedTable(Counting(), real_serving.days, limiter, token)
    table.put_all((USUAL.key(A_DAY, f"{i:05}") | {"x": {"S": "y" * 900}} for i in range(1500)), lambda _: None)
    assert 2 <= len(looks) <= 4


def test_whoever_lost_its_turn_writes_nothing_more(serving: ServingTables, limiter: CapacityLimiter) -> None:
    mine = turn(serving.client, serving.days, DAYS_KEY, limiter, "run-1")
    turn(serving.client, serving.days, DAYS_KEY, limiter, "run-2")
    table = BudgetedTable(serving.client, serving.days, limiter, mine)
    with pytest.raises(PermanentError, match="expected: the turn of run run-1; found: that of run run-2, since 2125"):
        table.put_all([USUAL.key(A_DAY, "x")], lambda _: None)
    assert serving.client.scan(TableName=serving.days)["Count"] == 1


def test_handing_the_table_over_ends_every_turn(serving: ServingTables, limiter: CapacityLimiter) -> None:
    token = turn(serving.client, serving.days, DAYS_KEY, limiter, "run-1")
    table = BudgetedTable(serving.client, serving.days, limiter)
    former = WISH
    assert replace_owner(table, DAYS_KEY, former, replace(WISH, generation=1))
    with pytest.raises(PermanentError, match="found: that of run unknown"):
        BudgetedTable(serving.client, serving.days, limiter, token).expect_turn()
    with pytest.raises(TransientError, match=r"the owner of DynamoDB table .* changed at this moment"):
        take_turn(table, DAYS_KEY, former, "run-1", NOW)
