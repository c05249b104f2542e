"""The oracle's own examples for months: small enough to be worked out by hand (rules E1 to E5)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from medallion_assets_tests.oracle.months import MonthFile, brand_revenue, months, read

OCTOBER = date(2019, 10, 1)
HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"


def event(
    brand: str = "lg", price: str = "1.5", *, kind: str = "view", at: str = "2019-10-05 00:00:00", user: str = "7"
) -> str:
    """A line."""
    return f"{at} UTC,{kind},1,2,,{brand},{price},{user},s\n"


def month(*lines: str, name: str = "2019-Oct.csv", day: int = 1) -> MonthFile:
    """A file that was last modified in November."""
    return MonthFile(name, f"{name}@{day}", datetime(2019, 11, day, tzinfo=UTC), HEADER + "".join(lines))


def test_what_is_bad_and_what_is_there_twice() -> None:
    """E2, E3, E4: equal lines count once, bad ones too; a price may be absent, and written in another way."""
    lines = [
        event(),
        event(at="2019-10-01 00:00:00"),
        event(at="2019-10-31 23:59:59", price=""),
        event(),
        event(price="15e-1"),
        event(at="2019-11-01 00:00:00"),
        event(at="2019-09-30 23:59:59"),
        event(user=""),
        event(user=""),
        event(price="-0.01", kind="buy"),
        event(at="2019-10-32 00:00:00"),
    ]
    october = read(month(*lines))
    assert (len(october.rows), october.duplicates) == (4, 2)
    assert [(line, set(reasons)) for line, reasons in october.bad] == [
        (6, {"outside_month"}),
        (7, {"outside_month"}),
        (8, {"missing"}),
        (10, {"valid_price", "event_type_unknown"}),
        (11, {"timestamp_malformed"}),
    ]


def test_a_month_is_its_latest_version_alone() -> None:
    """E1, E6: in any order, also under another name; other months are as they were."""
    files = [
        month(event("a"), event("b"), day=2),
        month(event("c"), name="2019-Oct.csv.gz", day=3),
        month(event("d"), day=1),
        month(event("e", at="2019-09-01 00:00:00"), name="2019-Sep.csv", day=9),
    ]
    for order in (files, files[::-1]):
        found = months(order)
        assert {at: [row["brand"] for row in month.rows] for at, month in found.items()} == {
            date(2019, 9, 1): ["e"],
            OCTOBER: ["c"],
        }


def test_revenue_by_brand_with_a_row_for_none() -> None:
    """E5: trimmed and in lower case; an absent price counts as zero."""
    lines = [
        event("", "2", kind="purchase"),
        event(" ", "3"),
        event("LG", "1.25", kind="purchase"),
        event(" lg ", "0.0001", kind="cart"),
        event("lg", "", kind="purchase"),
    ]
    nobody, lg = brand_revenue(read(month(*lines)))
    assert list(nobody.values()) == [OCTOBER, None, 2, 1, Decimal(2), Decimal(5)]
    assert list(lg.values()) == [OCTOBER, "lg", 3, 2, Decimal("1.25"), Decimal("1.2501")]
