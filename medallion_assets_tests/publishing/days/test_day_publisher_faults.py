"""A day is published whole or not at all (rule P1), whatever kills a publish at any step, or publishes within it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from medallion_assets.errors import TransientError
from medallion_assets.publishing.attributes import number
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.days.day_publisher import row_key
from medallion_assets_tests.publishing.emulated_budget import ThrottlingClient, TokenBucket
from medallion_assets_tests.publishing.fake_clock import FakeClock
from medallion_assets_tests.publishing.faults import FaultyClient, InterleavedClient, KilledError
from medallion_assets_tests.publishing.sold_days import DAY, publish, revenues, rows_of, stored
from medallion_assets_tests.services.serving_tables import ServingTables


@pytest.mark.parametrize(
    ("kill", "answer_lost"),
    [
        (True, False),
        pytest.param(True, True, marks=pytest.mark.slow),
        pytest.param(False, True, marks=pytest.mark.slow),
    ],
)
def test_killed_or_unanswered_at_any_step_then_run_again_gives_the_same_day(
    serving: ServingTables, limiter: CapacityLimiter, kill: bool, answer_lost: bool
) -> None:
    """Every call in turn; readers see the old day or the new one, and old rows expire only once the pointer moved."""
    old, new = [Decimal(1)] * 3, [Decimal(2)] * 30
    for at in count():
        day = DAY + timedelta(days=at)
        publish(serving, limiter, 0, rows_of(3, "1"), day=day)
        error = KilledError() if kill else ConnectionClosedError(endpoint_url="dynamodb")
        faulty = FaultyClient(serving.client, at=at, answer_lost=answer_lost, error=error)
        try:
            assert publish(serving, limiter, 1, rows_of(30, "2"), client=faulty, day=day).outcome == "published"
        except KilledError:
            seen = revenues(serving, day)
            assert seen in (old, new)
            assert seen == new or "expires_at" not in str(stored(serving, day))
            again = publish(serving, limiter, 1, rows_of(30, "2"), day=day)
            assert again.outcome == ("unchanged" if seen == new else "published")
        assert revenues(serving, day) == new
        superseded = [item for key, item in stored(serving, day).items() if key.startswith(f"{0:012d}#")]
        assert ["expires_at" in item for item in superseded] == [True] * 3
        if faulty.calls <= at:
            break
    assert at >= 7


@pytest.mark.parametrize(("slow", "fast"), [(1, 2), (2, 1)])
def test_a_publish_within_another_at_any_step_leaves_the_newer_one(
    serving: ServingTables, limiter: CapacityLimiter, slow: int, fast: int
) -> None:
    """The slow one stops at every call in turn, the fast one runs as a whole, then the slow one goes on."""
    for at in count():
        day = DAY + timedelta(days=at)
        meanwhile = partial(publish, serving, limiter, fast, rows_of(3, str(fast)), day=day)
        slow_client = InterleavedClient(serving.client, at=at, meanwhile=meanwhile)
        outcome = publish(serving, limiter, slow, rows_of(3, str(slow)), client=slow_client, day=day).outcome
        if slow_client.calls <= at:
            break
        assert outcome == "published" if slow == 2 else "superseded"
        assert revenues(serving, day) == [Decimal(2)] * 3
        expiring = {key for key, item in stored(serving, day).items() if "expires_at" in item}
        assert expiring == {row_key(1, [f"c{i:03}", "west"]) for i in range(3)} & stored(serving, day).keys()
    assert at >= 6


@pytest.mark.parametrize(("slow", "fast"), [(0, 1), pytest.param(1, 0, marks=pytest.mark.slow)])
def test_another_generation_at_any_step_of_a_publish_neither_loses_nor_mixes(
    serving: ServingTables, limiter: CapacityLimiter, slow: int, fast: int
) -> None:
    """P1, P5: a Gold table made anew has the versions of the one before; its rows never count among the former's."""
    rows = {0: rows_of(3, "5"), 1: rows_of(4, "1")}
    for at in count():
        day = DAY + timedelta(days=at)
        publish(serving, limiter, 4, rows_of(2, "4"), day=day)
        meanwhile = partial(publish, serving, limiter, 5 - fast, rows[fast], day=day, generation=fast)
        client = InterleavedClient(serving.client, at=at, meanwhile=meanwhile)
        publish(serving, limiter, 5 - slow, rows[slow], client=client, day=day, generation=slow)
        if client.calls <= at:
            break
        assert revenues(serving, day) == [Decimal(1)] * 4
        assert number(stored(serving, day)["#current"]["version"]) == 1_000_000_004
    assert at >= 6


def test_readers_see_no_half_of_a_new_generation_under_the_same_version(
    serving: ServingTables, limiter: CapacityLimiter
) -> None:
    """P1: killed at any step, the day is the former one or the new one; then it is completed."""
    for at in count():
        day = DAY + timedelta(days=at)
        publish(serving, limiter, 1, rows_of(3, "5"), day=day)
        faulty = FaultyClient(serving.client, at=at, answer_lost=True, error=KilledError())
        try:
            publish(serving, limiter, 1, rows_of(4, "1"), client=faulty, day=day, generation=1)
        except KilledError:
            assert revenues(serving, day) in ([Decimal(5)] * 3, [Decimal(1)] * 4)
        publish(serving, limiter, 1, rows_of(4, "1"), day=day, generation=1)
        assert revenues(serving, day) == [Decimal(1)] * 4
        if faulty.calls <= at:
            break
    assert at >= 6


def test_what_an_interrupted_publish_left_is_completed_and_cleaned(
    serving: ServingTables, limiter: CapacityLimiter
) -> None:
    publish(serving, limiter, 1, rows_of(4, "5"))
    serving.client.delete_item(
        TableName=serving.days, Key={"metric_date": {"S": str(DAY)}, "row_key": {"S": "#current"}}
    )
    published = publish(serving, limiter, 1, rows_of(2, "5") + rows_of(3, "6")[2:])
    assert (published.outcome, published.items_written) == ("published", 1)
    assert revenues(serving) == [Decimal(5), Decimal(5), Decimal(6)]


def test_rows_that_dynamodb_lost_stop_the_pointer(serving: ServingTables, limiter: CapacityLimiter) -> None:
    class Forgetful:
        def __getattr__(self, name: str) -> Any:
            return getattr(serving.client, name)

        def batch_write_item(self, **request: Any) -> Any:
            ((name, writes),) = request["RequestItems"].items()
            return serving.client.batch_write_item(**{**request, "RequestItems": {name: writes[1:]}})

    with pytest.raises(TransientError, match="expected: 5 rows of 2025-03-04 at version 1; found: 4 rows"):
        publish(serving, limiter, 1, rows_of(5, "1"), client=Forgetful())
    assert "#current" not in stored(serving)


def test_unprocessed_items_are_repeated_and_counted(real_serving: ServingTables) -> None:
    """Rule P3: everything that DynamoDB charged is in the count, and nothing else."""
    clock = FakeClock()
    throttling = ThrottlingClient(real_serving.client, TokenBucket(40, clock=clock))
    eager = CapacityLimiter(4000, clock=clock, sleep=clock.sleep, random=Random(7))
    published = publish(real_serving, eager, 1, rows_of(200, "1"), client=throttling)
    assert revenues(real_serving) == [Decimal(1)] * 200
    assert published.throttled_requests == throttling.throttled > 0
    assert published.consumed_wcu == throttling.bucket.consumed == 201
