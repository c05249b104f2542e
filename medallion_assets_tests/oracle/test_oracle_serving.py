"""The oracle's own examples for what readers find in DynamoDB (rules P1, P2, P4), worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import permutations
from typing import Any
from urllib.parse import unquote

import pytest

from medallion_assets_tests.oracle.serving import (
    DayPublish,
    LtvItem,
    LtvPublish,
    days,
    lifetime_values,
    partition_key,
    sort_key,
)

D1, D2 = date(2025, 3, 8), date(2025, 3, 9)
NOW, WEEK_LATER = datetime(2025, 3, 10, tzinfo=UTC), datetime(2025, 3, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("c1", "c1"),
        ("", None),
        (" ", " "),
        ("a#b", "a#b"),
        ("#watermark", "%23watermark"),
        ("#owner", "%23owner"),
        ("%23watermark", "%2523watermark"),
        ("%", "%25"),
        ("50%#1", "50%25%231"),
        ("#a#b", "%23a%23b"),
        ("x" * 2048, "x" * 2048),
        ("x" * 2049, None),
        ("é" * 1024, "é" * 1024),
        ("é" * 1024 + "x", None),
        ("#" + "x" * 2045, "%23" + "x" * 2045),
        ("#" + "x" * 2046, None),
        ("%" * 682, "%25" * 682),
        ("%" * 683, None),
    ],
)
def test_a_customer_is_a_partition_key_of_at_most_2048_bytes_once_encoded(value: str, key: str | None) -> None:
    """Rule P4: encoded where it holds `%` or begins with `#`; what is too long then has no key."""
    assert partition_key(value) == key
    assert key is None or unquote(key) == value


def test_no_two_customers_share_a_key_and_none_is_ours() -> None:
    """Every text of up to five of these characters."""
    texts = {"".join(text[:size]) for text in permutations("##%%235a", 5) for size in range(1, 6)}
    found = {partition_key(text) for text in texts}
    assert len(found) == len(texts)
    assert not any(key is None or key.startswith("#") for key in found)


def digest(category: str) -> str:
    """What stands for the values of a row whose encoded category is so long."""
    return f"%sha256:{sha256(f'{category}#vip#west'.encode()).hexdigest()}"


def sale(category: str = "books", region: str = "west", **more: Any) -> dict[str, Any]:
    return {"product_category": category, "customer_segment": "vip", "region": region, **more}


@pytest.mark.parametrize(
    ("row", "key"),
    [
        (sale(), "000000000007#books#vip#west"),
        (sale("a#b", "50%"), "000000000007#a%23b#vip#50%25"),
        (sale("x" * 1002), "000000000007#" + "x" * 1002 + "#vip#west"),
        (sale("x" * 1003), f"000000000007#{digest('x' * 1003)}"),
        (sale("é" * 501), "000000000007#" + "é" * 501 + "#vip#west"),
        (sale("é" * 501 + "x"), f"000000000007#{digest('é' * 501 + 'x')}"),
        (sale("#" * 334), "000000000007#" + "%23" * 334 + "#vip#west"),
        (sale("#" * 335), f"000000000007#{digest('%23' * 335)}"),
    ],
)
def test_a_row_of_a_day_is_a_sort_key_of_at_most_1024_bytes_once_encoded(row: dict[str, Any], key: str) -> None:
    """Rules P1, P4: version, category, segment, region; their digest where they are too long."""
    assert sort_key(7, row) == key


def test_readers_see_the_highest_version_of_a_day_whole() -> None:
    """Rule P1: in whatever order they were published."""
    old = DayPublish(D1, 3, [sale("books"), sale("toys")])
    new = DayPublish(D1, 4, [sale("books", units_sold=2)])
    for order in ([old, new], [new, old]):
        seen = days([*order, DayPublish(D2, 4, [])])
        assert seen[D1].version == 4
        assert seen[D1].rows == {"000000000004#books#vip#west": {**sale("books", units_sold=2), "metric_date": D1}}
        assert seen[D2].rows == {}


def worth(customer: str, value: int) -> dict[str, Any]:
    clock = {"recency_days": 1, "tenure_days": 2, "orders_per_30_days": 3}
    return {"as_of_date": D1, "customer_id": customer, "lifetime_value": value, **clock}


def publish(as_of: date, version: int, **values: int) -> LtvPublish:
    return LtvPublish(as_of, version, [worth(customer, value) for customer, value in values.items()], NOW)


def figures(customer: str, value: int) -> dict[str, Any]:
    return {"customer_id": customer, "lifetime_value": value}


def test_what_says_the_same_keeps_its_pair_and_who_vanished_leaves_a_tombstone() -> None:
    """Rule P2: c1 is as it was, c2 changed, c3 vanished, c4 is new."""
    table = lifetime_values([publish(D1, 5, c1=1, c2=1, c3=1), publish(D2, 4, c1=1, c2=2, c4=1)])
    assert table.watermark == (D2, 4)
    assert table.items == {
        "c1": LtvItem((D1, 5), figures("c1", 1)),
        "c2": LtvItem((D2, 4), figures("c2", 2)),
        "c3": LtvItem((D2, 4), None, WEEK_LATER),
        "c4": LtvItem((D2, 4), figures("c4", 1)),
    }
    assert set(table.visible) == {"c1", "c2", "c4"}


@pytest.mark.parametrize("late", [publish(D1, 9, c3=9), publish(D2, 4, c3=9), publish(D2, 3, c3=9)])
def test_a_late_publish_revives_nobody(late: LtvPublish) -> None:
    """Rule P2: an older day however new its version, an older version, and the same pair once more."""
    before = [publish(D1, 5, c3=1), publish(D2, 4, c1=1)]
    assert lifetime_values([*before, late]) == lifetime_values(before)


def test_who_comes_back_is_written_anew() -> None:
    """Rule P2: a tombstone gives way to a higher pair."""
    table = lifetime_values([publish(D1, 1, c1=1), publish(D1, 2), publish(D1, 3, c1=1)])
    assert table.items == {"c1": LtvItem((D1, 3), figures("c1", 1))}


def test_who_has_no_key_is_left_out_and_never_stops_the_others() -> None:
    """Rule P4: such a customer leaves no tombstone either."""
    rows = [worth(customer, 1) for customer in ("", "x" * 2049, "#watermark", "c1")]
    table = lifetime_values([LtvPublish(D1, 1, rows, NOW)])
    assert (set(table.items), table.left_out) == ({"%23watermark", "c1"}, ("", "x" * 2049))
    assert set(lifetime_values([LtvPublish(D1, 1, rows, NOW), publish(D1, 2)]).items) == {"%23watermark", "c1"}
