"""Readers and publishers at the same time, in Amazon's DynamoDB Local: no half day, and no number goes backwards."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.days.day_publisher import publish_day
from medallion_assets.publishing.items.item_publisher import publish_items
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.reader import read_day
from medallion_assets_tests.publishing.under_way import under_way
from medallion_assets_tests.services.processes import READY_SECONDS
from medallion_assets_tests.services.serving_tables import ServingTables

DAY = date(2025, 3, 4)
ROWS = 12
CUSTOMERS = [f"c{i:02}" for i in range(12)]


def publish_version(serving: ServingTables, limiter: CapacityLimiter, version: int) -> str:
    """Each version has another number of rows, and its own number in every one of them."""
    return publish_day(
        under_way(BudgetedTable(serving.client, serving.days, limiter), version, run_id=f"run-{version}"),
        DAY,
        [{"region": f"r{i:02}", "units_sold": version} for i in range(ROWS + version % 7)],
        key_columns=("region",),
    ).outcome


def orders(customer: str, version: int) -> int:
    """What `version` says of a customer: a third of the customers changes with each version."""
    return version - (version + int(customer[1:])) % 3


def publish_pair(serving: ServingTables, limiter: CapacityLimiter, version: int) -> str:
    def rows(of: int) -> list[dict[str, object]]:
        return [{"customer_id": customer, "order_count": orders(customer, of)} for customer in CUSTOMERS]

    watermark = read_watermark(serving.client, serving.items, keys={"customer_id": "S"})
    return publish_items(
        under_way(BudgetedTable(serving.client, serving.items, limiter), version, run_id=f"run-{version}"),
        rows(version),
        keys={"customer_id": "S"},
        columns=("customer_id", "order_count"),
        previous_rows=rows(watermark[1]) if watermark else None,
        previous_watermark=watermark,
        as_of=DAY,
    ).outcome


def while_running(watch: Callable[[], None], watchers: int, work: Callable[[], None]) -> None:
    """`watch` again and again in `watchers` threads until `work` is done, and once more after it."""
    done = threading.Event()

    def keep_watching() -> None:
        last = False
        while not last:
            last = done.wait(0.02)
            watch()

    with ThreadPoolExecutor(watchers) as pool:
        watching = [pool.submit(keep_watching) for _ in range(watchers)]
        try:
            work()
        finally:
            done.set()
        for watcher in watching:
            watcher.result()


def race(publish: Callable[[int], str], versions: int) -> Counter[str]:
    """Two publishers, one with the even and one with the odd versions, each in order."""
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(lambda first=first: [publish(v) for v in range(first, versions, 2)]) for first in (0, 1)]
        return Counter(outcome for run in runs for outcome in run.result())


@pytest.mark.parametrize(("readers", "publishes"), [(5, 15), pytest.param(20, 50, marks=pytest.mark.slow)])
def test_readers_see_no_half_published_day_while_it_is_published_again_and_again(
    real_serving: ServingTables, limiter: CapacityLimiter, readers: int, publishes: int
) -> None:
    """Rule P1. Every reading is one whole version, and no reader sees an older one after a newer one."""
    publish_version(real_serving, limiter, 0)
    seen = threading.local()
    versions: set[object] = set()
    news = threading.Condition()

    def read() -> None:
        rows = read_day(real_serving.client, real_serving.days, DAY)
        (version,) = {row["units_sold"] for row in rows}
        assert len(rows) == ROWS + version % 7
        assert version >= getattr(seen, "version", 0)
        seen.version = version
        with news:
            versions.add(version)
            news.notify_all()

    def publish_what_somebody_sees(version: int) -> None:
        publish_version(real_serving, limiter, version)
        with news:
            assert news.wait_for(lambda: version in versions, READY_SECONDS), "no reader goes on"

    each = range(1, publishes + 1)
    while_running(read, readers, lambda: [publish_what_somebody_sees(version) for version in each])
    assert versions >= {*each}


def test_two_racing_publishers_never_move_a_day_backwards(
    real_serving: ServingTables, limiter: CapacityLimiter
) -> None:
    """Rule P1: the pointer only ever moves to a higher version."""
    seen = [0]

    def watch() -> None:
        rows = read_day(real_serving.client, real_serving.days, DAY)
        for (version,) in [{row["units_sold"] for row in rows}] if rows else []:
            assert version >= seen[-1]
            seen.append(version)

    outcomes: Counter[str] = Counter()
    while_running(watch, 1, lambda: outcomes.update(race(lambda v: publish_version(real_serving, limiter, v), 24)))
    assert outcomes["published"] + outcomes["superseded"] == 24
    assert seen[-1] == 23
    assert len(read_day(real_serving.client, real_serving.days, DAY)) == ROWS + 23 % 7


def test_two_racing_publishers_never_move_an_item_backwards(
    real_serving: ServingTables, limiter: CapacityLimiter
) -> None:
    """Rule P2: every item's pair only rises, and in the end each item is what the highest pair says."""
    highest: dict[str, int] = {}

    def watch() -> None:
        for item in real_serving.client.scan(TableName=real_serving.items, ConsistentRead=True)["Items"]:
            customer, version = item["customer_id"]["S"], int(item.get("gold_version", {"N": "0"})["N"])
            if customer != "#watermark":
                assert version >= highest.get(customer, 0)
                assert int(item["order_count"]["N"]) == orders(customer, version)
                highest[customer] = version

    while_running(watch, 1, lambda: race(lambda v: publish_pair(real_serving, limiter, v), 24))
    for customer, version in highest.items():
        assert orders(customer, version) == orders(customer, 23)
    assert highest.keys() == set(CUSTOMERS)
    assert read_watermark(real_serving.client, real_serving.items, keys={"customer_id": "S"}) == (DAY, 23)
