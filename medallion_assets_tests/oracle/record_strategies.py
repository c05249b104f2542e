"""Records of small and nasty exports: few keys, moments at the edges of days and windows, flaws of every kind.

Belongs here: the lines of one export.
Does not: which exports there are (strategies.py), or what is wrong with an export as a whole (flaw_strategies.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from medallion_assets_tests.oracle.lines import (
    Item,
    customer,
    delete_line,
    item_line,
    key_of,
    transaction,
    upsert_line,
)
from medallion_assets_tests.oracle.model import MINUTE, TRANSACTIONS, WRITE_TIME_SLACK, micros

CUTS = tuple(datetime(2025, 3, 8, tzinfo=UTC) + timedelta(hours=4 * step) for step in range(19))
"""Where windows and full exports begin and end: three days around the change to summer time in Los Angeles."""

TRANSACTION_KEYS = ("t1", "t2", " t3", "té4")
CUSTOMER_KEYS = ("c1", "c2", "c2 ")
_MICROSECOND = timedelta(microseconds=1)
_AFTER_S = (MINUTE / 2, MINUTE / 2, MINUTE, 2 * MINUTE, 2 * MINUTE + _MICROSECOND)
# Midnights of Los Angeles on both sides of the change, each with the last microsecond before; the hour that is skipped.
_SPELLINGS = (
    "2025-03-07T12:00:00Z",
    "2025-03-08T07:59:59.999999Z",
    "2025-03-08T00:00:00-08:00",
    "2025-03-09T07:59:59Z",
    "2025-03-09T08:00:00.000Z",
    "2025-03-09T01:59:59.9-08:00",
    "2025-03-09T03:00:00-07:00",
    "2025-03-10T12:29:59.999999+05:30",
    "2025-03-10T07:00:00Z",
    "2025-03-10T21:00:00+14:00",
    *(cut.strftime("%Y-%m-%dT%H:%M:%SZ") for cut in CUTS[::3]),
)
_MOMENTS = tuple((datetime.fromisoformat(spelling), spelling) for spelling in _SPELLINGS)

# Strategies are made once: making and checking them costs more than drawing.
_CUSTOMERS = st.sampled_from((*CUSTOMER_KEYS, "c9"))
_AMOUNTS = st.sampled_from(("10", "0.0005", "12.50", "1E2", "33.33", "999999.9999", "0.0001"))
_FEW = st.sampled_from((0, 1, 1, 2))
_STATUSES = st.sampled_from(("completed", "completed", "refunded", "pending", " Completed ", "cancelled"))
_CATEGORIES = st.sampled_from(("books", "toys", " Books", "\u00a0toys", "ÉTÉ"))
_QUANTITIES = st.sampled_from(("1", "3.0", "1E1", "10000"))
_PAYMENTS = st.sampled_from(({"S": "PayPal"}, {"NULL": True}, {"S": " "}, {"S": "bitcoin"}, None))
_NAMES = st.sampled_from(({"S": "Ada"}, {"S": " Ada "}, {"NULL": True}, {"S": "Zoë"}, None))
_SEGMENTS = st.sampled_from(("retail", "vip", " VIP", "retail"))
_REGIONS = st.sampled_from(("west", "east", "West "))
_SAME = st.booleans()
_EDGES = st.sampled_from((timedelta(), _MICROSECOND))
_CHANGES = st.sampled_from(("none", "none", "upsert", "upsert", "upsert", "delete"))

Flaw = tuple[str, Any]


def _flaws(attributes: str, *values: Any) -> tuple[Flaw, ...]:
    """Every value on every attribute; None leaves the attribute out."""
    return tuple((attribute, value) for attribute in attributes.split() for value in values)


def _numbers(attributes: str, *spellings: str) -> tuple[Flaw, ...]:
    return _flaws(attributes, *({"N": spelling} for spelling in spellings))


def _texts(attributes: str, *spellings: str) -> tuple[Flaw, ...]:
    return _flaws(attributes, *({"S": spelling} for spelling in spellings))


def _kinds(*kinds: tuple[Flaw, ...]) -> st.SearchStrategy[list[Flaw]]:
    """One or two flaws; each kind comes about equally often."""
    return st.lists(st.one_of(*map(st.sampled_from, kinds)), min_size=1, max_size=2)


_CODES = "customer_id currency product_id product_category status"
_ALL = f"{_CODES} transaction_timestamp amount quantity"
_BAD_TYPES: tuple[Any, ...] = ({"BOOL": True}, {"B": "aGk="}, {"L": [{"S": "1"}]}, {"SS": ["1"]}, {"M": {}})
_TRANSACTION_FLAWS = _kinds(
    _flaws(_ALL, None, {"NULL": True}) + _texts(_CODES, "", " \t"),
    _flaws(f"{_ALL} payment_method", *_BAD_TYPES) + _numbers(f"{_CODES} payment_method", "1") + _texts("amount", "1"),
    _numbers("amount quantity", "NaN", "Infinity", "1_000", " 1", "", "--1", "0x1"),
    _numbers("amount", "1E-9", "1.00001") + _numbers("quantity", "2.5", "1E-9"),
    _numbers("amount quantity", "1" * 38, "-1E37") + _numbers("amount", "1E14") + _numbers("quantity", str(2**63)),
    _numbers("amount", "0.00", "-3", "1000000", "99999999999999.9999"),
    _numbers("quantity", "0", "-1", "10001", str(2**63 - 1)),
    _texts("currency", "EUR", "US D"),
    _texts("status", "done"),
    _texts("transaction_timestamp", "2025-03-09T02:30:00", "2025-03-08T00:00:00.5"),
    _texts("transaction_timestamp", "1989-12-31T23:59:59.999999Z", "1990-01-01T00:00:00+00:01", "0001-01-01T00:00:00Z"),
    _texts("transaction_timestamp", "2025-02-30T00:00:00Z", "2025-03-08T23:59:60Z", "2025-03-08T24:00:00Z", "")
    + _texts("transaction_timestamp", "2025-03-08T00:00:00.1234567Z", " 2025-03-08T00:00:00Z", "2025-03-08"),
)
_CUSTOMER_FLAWS = _kinds(
    _flaws("customer_segment region signup_date", None, {"NULL": True}) + _texts("customer_segment region", "", " "),
    _flaws("customer_name email customer_segment region signup_date", {"N": "1"}, *_BAD_TYPES),
    _texts("signup_date", "2025-02-29", "2025-3-1", "2025-03-01T00:00:00Z", "20250301", "0000-01-01"),
)
_BAD_KEYS = st.sampled_from((None, {"N": "1"}, {"NULL": True}))
_BAD_SEQUENCES = st.sampled_from(
    (
        *({"N": spelling} for spelling in ("x", "", "17413056000000.5", "-1", "1741305600000000000", "1.7E15")),
        *("soon", "-1741305600000000", {"S": "1741305600000000"}, True, 1741305600000000.0, None),
    )
)
_UNKNOWN: Item = {"discount code": {"SS": ["b", "a"]}, "_note": {"M": {"ü": {"L": [{"NULL": True}, {"N": "1" * 38}]}}}}


@dataclass(frozen=True)
class Span:
    """The window of an export, both in UTC; a full export has its exportTime in both."""

    from_at: datetime
    to_at: datetime


@lru_cache
def _one_of(count: int) -> st.SearchStrategy[int]:
    return st.integers(1, count)


@lru_cache
def _spellings(to_at: datetime) -> st.SearchStrategy[str]:
    """Timestamps of transactions that an export of that moment may hold."""
    return st.sampled_from([spelling for moment, spelling in _MOMENTS if moment <= to_at])


@lru_cache
def _writes(span: Span) -> st.SearchStrategy[Any]:
    """Sequences in the window, at its edges, just outside, or where another export may have one too."""
    middle = span.from_at + (span.to_at - span.from_at) / 2
    edges = [span.from_at, span.to_at - _MICROSECOND, span.to_at, span.from_at - _MICROSECOND, CUTS[6]]
    # In the two minutes after the S of a full export (rule H1), which lies at a cut or up to a minute before it.
    edges += [cut + after for cut in (span.from_at, CUTS[6]) for after in _AFTER_S]
    moments = [micros(moment) for moment in (*edges, span.from_at + timedelta(hours=1), *[middle] * 5)]
    return st.sampled_from([*moments, *moments, *map(str, moments)])


@lru_cache
def _far_writes(span: Span) -> st.SearchStrategy[Any]:
    """Write times at the edges of what a window allows (rule R1), in the wrong unit, and as late as there are any."""
    earliest, latest = micros(span.from_at - WRITE_TIME_SLACK), micros(span.to_at + WRITE_TIME_SLACK)
    seconds = micros(span.from_at) // 1_000_000
    wrong = [earliest - 1, latest + 1, seconds, seconds * 1000, 0, 10**18 - 1]
    return st.sampled_from([*[earliest, latest] * 3, {"N": f"00{earliest + 1}"}, *wrong, *map(str, wrong)])


def rarely(draw: st.DrawFn, one_in: int) -> bool:
    """True once in so many; shrinks to False."""
    return draw(_one_of(one_in)) == one_in


@st.composite
def _transactions(draw: st.DrawFn, key: str, span: Span) -> Item:
    return transaction(
        key,
        customer_id={"S": draw(_CUSTOMERS)},
        transaction_timestamp={"S": draw(_spellings(span.to_at))},
        amount={"N": draw(_AMOUNTS)},
        product_category={"S": draw(_CATEGORIES)},
        quantity={"N": draw(_QUANTITIES)},
        payment_method=draw(_PAYMENTS),
        status={"S": draw(_STATUSES)},
    )


@st.composite
def _customers(draw: st.DrawFn, key: str) -> Item:
    if draw(_SAME):
        return customer(key)
    return customer(
        key,
        customer_name=draw(_NAMES),
        customer_segment={"S": draw(_SEGMENTS)},
        region={"S": draw(_REGIONS)},
    )


@st.composite
def _items(draw: st.DrawFn, table: str, key: str, span: Span) -> Item:
    """An item, now and then with one or two flaws or with attributes that the contract does not know."""
    item = draw(_transactions(key, span) if table == TRANSACTIONS else _customers(key))
    flaws = _TRANSACTION_FLAWS if table == TRANSACTIONS else _CUSTOMER_FLAWS
    if rarely(draw, 8):
        for attribute, value in draw(flaws):
            item = {name: old for name, old in item.items() if name != attribute}
            item |= {} if value is None else {attribute: value}
    elif table == TRANSACTIONS and rarely(draw, 8):
        # The very edge of rule T1: a minute after the export is fine, a microsecond later is the future.
        moment = span.to_at + MINUTE + draw(_EDGES)
        item["transaction_timestamp"] = {"S": moment.isoformat()}
    return item | (_UNKNOWN if rarely(draw, 10) else {})


def _keys(table: str) -> tuple[str, ...]:
    return TRANSACTION_KEYS if table == TRANSACTIONS else CUSTOMER_KEYS


@st.composite
def full_lines(draw: st.DrawFn, table: str, span: Span, *, has_shrunk: bool = False) -> list[str]:
    """A full export's lines: most keys, in some order; of a table that has shrunk the first ones, or none."""
    lines: list[str] = []
    for key in _keys(table)[: draw(_FEW)] if has_shrunk else _keys(table):
        if not rarely(draw, 4):
            item = draw(_items(table, key, span))
            if rarely(draw, 25):
                item = _with_key(item, draw(_BAD_KEYS))
            lines.append(item_line(item))
    return lines[::-1] if draw(st.booleans()) else lines


@st.composite
def window_lines(draw: st.DrawFn, table: str, span: Span) -> list[str]:
    """A window's lines: upserts and deletes of some keys, written in the window, at its edges or just outside."""
    has_old_images = draw(st.booleans())
    lines = []
    for key in _keys(table):
        change = draw(_CHANGES)
        if change == "none":
            continue
        sequence = draw(_writes(span))
        if rarely(draw, 8):
            sequence = draw(_far_writes(span))
        elif rarely(draw, 30):
            sequence = draw(_BAD_SEQUENCES)
        item = draw(_items(table, key, span))
        keys = key_of(item)
        if rarely(draw, 30):
            bad = draw(_BAD_KEYS)
            keys = key_of(_with_key(item, bad)) if bad else {}
        old = item if has_old_images else None
        lines.append(
            upsert_line(sequence, item, keys=keys, old=old)
            if change == "upsert"
            else delete_line(sequence, keys, old=old)
        )
    return lines


def _with_key(item: Item, value: Any) -> Item:
    """The item with another key attribute, or with none."""
    (name,) = key_of(item)
    rest = {other: attribute for other, attribute in item.items() if other != name}
    return rest if value is None else {name: value, **rest}
