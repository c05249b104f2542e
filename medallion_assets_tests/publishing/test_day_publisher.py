"""A day is published whole or not at all (rule P1), in moto and in Amazon's DynamoDB Local."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.publishing.attributes import number
from medallion_assets.publishing.budgeted_table import BudgetedTable
from medallion_assets.publishing.day_publisher import publish_day, published_days, row_key
from medallion_assets.publishing.limiter import CapacityLimiter
from medallion_assets.publishing.publisher import Publish, Published, Source
from medallion_assets.publishing.reader import read_day
from medallion_assets_tests.publishing.emulated_budget import ThrottlingClient, TokenBucket
from medallion_assets_tests.publishing.fake_clock import FakeClock
from medallion_assets_tests.publishing.faults import FaultyClient, InterleavedClient, KilledError
from medallion_assets_tests.services.serving_tables import ServingTables

DAY = date(2025, 3, 4)
NOW = datetime(2025, 3, 5, 9, tzinfo=UTC)
KEY = ("product_category", "region")
GOLD = "id-of-gold"
Row = Mapping[str, object]


def rows_of(number_of_rows: int, revenue: str) -> list[Row]:
    return [
        {"product_category": f"c{i:03}", "region": "west", "net_revenue": Decimal(revenue)}
        for i in range(number_of_rows)
    ]


def publish(
    serving: ServingTables,
    limiter: CapacityLimiter,
    version: int,
    rows: list[Row],
    *,
    client: Any = None,
    run_id: str = "run-1",
    day: date = DAY,
    generation: int = 0,
) -> Published:
    return publish_day(
        Publish(
            table=BudgetedTable(client or serving.client, serving.days, limiter),
            source=Source(table_id=GOLD, version=version, generation=generation),
            run_id=run_id,
            now=NOW,
        ),
        day,
        rows,
        key_columns=KEY,
    )


def revenues(serving: ServingTables, day: date = DAY) -> list[object]:
    return [row["net_revenue"] for row in read_day(serving.client, serving.days, day)]


def stored(serving: ServingTables, day: date = DAY) -> dict[str, Any]:
    items = serving.client.scan(TableName=serving.days, ConsistentRead=True)["Items"]
    return {item["row_key"]["S"]: item for item in items if item["metric_date"]["S"] == str(day)}


def test_a_day_is_read_as_it_was_published(serving: ServingTables, limiter: CapacityLimiter) -> None:
    published = publish(serving, limiter, 7, rows_of(2, "12345678901234.5678"))
    assert (published.outcome, published.version, published.items_written) == ("published", 7, 2)
    assert read_day(serving.client, serving.days, DAY) == [
        {
            "metric_date": "2025-03-04",
            "product_category": category,
            "region": "west",
            "net_revenue": Decimal("12345678901234.5678"),
        }
        for category in ("c000", "c001")
    ]
    pointer = stored(serving)["#current"]
    assert (number(pointer["version"]), number(pointer["row_count"]), pointer["run_id"]["S"]) == (7, 2, "run-1")
    assert pointer["table_id"]["S"] == GOLD
    assert pointer["published_at"]["S"] == "2025-03-05T09:00:00+00:00"


def test_an_older_version_publishes_nothing_and_the_same_one_changes_nothing(
    serving: ServingTables, limiter: CapacityLimiter
) -> None:
    publish(serving, limiter, 7, rows_of(2, "7"))
    before = stored(serving)
    assert publish(serving, limiter, 6, rows_of(3, "6")).outcome == "superseded"
    again = publish(serving, limiter, 7, rows_of(2, "7"), run_id="run-2")
    assert (again.outcome, again.items_written, again.consumed_wcu) == ("unchanged", 0, 0)
    assert stored(serving) == before


def test_an_empty_day_moves_the_pointer_too(serving: ServingTables, limiter: CapacityLimiter) -> None:
    publish(serving, limiter, 1, rows_of(2, "1"))
    assert publish(serving, limiter, 2, []).outcome == "published"
    assert revenues(serving) == []
    assert number(stored(serving)["#current"]["version"]) == 2


def test_superseded_rows_expire_and_no_others(serving: ServingTables, limiter: CapacityLimiter) -> None:
    """A day after the move; a version that somebody is still writing is left alone."""
    serving.client.put_item(
        TableName=serving.days, Item={"metric_date": {"S": str(DAY)}, "row_key": {"S": row_key(9, ["c", "west"])}}
    )
    assert "expires_at" not in str(stored(serving))
    publish(serving, limiter, 1, rows_of(2, "1"))
    assert "expires_at" not in str(stored(serving))
    published = publish(serving, limiter, 2, rows_of(30, "2"))
    assert published.items_deleted == 2
    expiring = {key: number(item["expires_at"]) for key, item in stored(serving).items() if "expires_at" in item}
    assert expiring == {row_key(1, [f"c{i:03}", "west"]): int(NOW.timestamp()) + 86_400 for i in range(2)}
    expiry = serving.client.describe_time_to_live(TableName=serving.days)["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")


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


def test_what_superseded_a_publish_is_told_within_its_generation(
    serving: ServingTables, limiter: CapacityLimiter
) -> None:
    publish(serving, limiter, 7, rows_of(2, "7"), generation=1)
    assert publish(serving, limiter, 6, [], generation=1).superseded_by == 7
    assert publish(serving, limiter, 9, [], generation=0).superseded_by is None
    assert publish(serving, limiter, 8, [], generation=1).superseded_by is None


def test_the_pointers_tell_who_published(serving: ServingTables, limiter: CapacityLimiter) -> None:
    """P5: one trace a day, among rows and the owner."""
    for number_of_day in range(2):
        publish(serving, limiter, 7, rows_of(3, "7"), day=DAY + timedelta(days=number_of_day), generation=number_of_day)
    traces = published_days(BudgetedTable(serving.client, serving.days, limiter))
    assert {one.number for one in traces} == {7, 1_000_000_007}
    assert {(one.run_id, one.published_at, one.table_id) for one in traces} == {("run-1", NOW, GOLD)}


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


def test_keys_stay_apart_whatever_the_values_hold(serving: ServingTables, limiter: CapacityLimiter) -> None:
    pairs = [("a#b", "c"), ("a", "b#c"), ("a%23b", "c"), ("", ""), ("#current", "x"), ("ü" * 2000, "x")]
    rows = [{"product_category": category, "region": region, "n": 1} for category, region in pairs]
    publish(serving, limiter, 1, rows)
    read = read_day(serving.client, serving.days, DAY)
    assert {(row["product_category"], row["region"]) for row in read} == set(pairs)
    assert len({row_key(1, pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(
    ("version", "rows", "message"),
    [
        (1, rows_of(1, "1") * 2, "two Gold rows of a day have the same key; expected: one row of 2025-03-04"),
        (1, [{"product_category": "a", "region": "b", "net_revenue": 1.5}], "net_revenue .* float 1.5"),
        (10**12, [], "version does not fit"),
    ],
)
def test_what_cannot_be_published_is_refused_before_anything_is_written(
    serving: ServingTables, limiter: CapacityLimiter, version: int, rows: list[Row], message: str
) -> None:
    with pytest.raises(PermanentError, match=message):
        publish(serving, limiter, version, rows)
    assert stored(serving) == {}


def test_a_missing_table_says_what_to_do(serving: ServingTables, limiter: CapacityLimiter) -> None:
    nowhere = ServingTables(client=serving.client, days="not-there", items=serving.items)
    with pytest.raises(PermanentError, match=r"not-there.*create the table"):
        publish(nowhere, limiter, 1, [])
