"""Types and row rules: what an attribute means, and why it is bad (rules T1 to T5).

Belongs here: one attribute, one row.
Does not: records, their keys and duplicates (refining/judging/events.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from medallion_assets_tests.oracle.model import CUSTOMERS, MINUTE, TRANSACTIONS

WHITESPACE = " \t\n\r\x0b\x0c"
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:[eE]([+-]?\d+))?", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|([+-])(\d\d):(\d\d))?",
    re.ASCII,
)

Row = dict[str, Any]


class BadValueError(Exception):
    """A value that the contract refuses; `args[0]` is the reason code."""


@dataclass(frozen=True)
class Field:
    """One column that an item fills. `decode` takes the attribute's payload and the export's `to_at`."""

    name: str
    source: str
    kind: str
    decode: Callable[[str, datetime], Any]
    nullable: bool = False


def text(*, trim: bool = True, case: str | None = None) -> Callable[[str, datetime], str | None]:
    """Text, trimmed of ASCII whitespace and in one case unless it is a key (rule T3); None when nothing is left."""

    def decode(payload: str, _to_at: datetime) -> str | None:
        if not payload.strip(WHITESPACE):
            return None
        value = payload.strip(WHITESPACE) if trim else payload
        return {"upper": value.upper, "lower": value.lower}[case]() if case else value

    return decode


def _number(payload: str) -> tuple[int, str, int]:
    """Sign, significant digits without zeros at either end, and their exponent: a number by value (rule T2)."""
    match = _NUMBER.fullmatch(payload)
    if match is None:
        raise BadValueError("not_a_number")
    sign, whole, decimals, bare, exponent = match.groups()
    fraction = decimals or bare or ""
    digits = ((whole or "") + fraction).lstrip("0")
    if not digits:
        return 1, "", 0
    shift = int(exponent or 0) - len(fraction) + len(digits) - len(digits.rstrip("0"))
    return (-1 if sign == "-" else 1), digits.rstrip("0"), shift


def money(payload: str, _to_at: datetime) -> Decimal:
    """Decimal(18,4): first the decimals are judged, then the size (rule T2)."""
    sign, digits, shift = _number(payload)
    if shift < -4:
        raise BadValueError("too_many_decimals")
    if len(digits) + shift > 14:
        raise BadValueError("out_of_range")
    return Decimal(sign * int(digits or "0") * 10 ** (shift + 4)).scaleb(-4)


def integer(payload: str, _to_at: datetime) -> int:
    """A whole number of 64 bits, however it is spelled (rule T2)."""
    sign, digits, shift = _number(payload)
    if shift < 0:
        raise BadValueError("too_many_decimals")
    if len(digits) + shift > 19:
        raise BadValueError("out_of_range")
    value: int = sign * int(digits or "0") * 10**shift
    if not -(2**63) <= value < 2**63:
        raise BadValueError("out_of_range")
    return value


def timestamp(payload: str, to_at: datetime) -> datetime:
    """ISO 8601 with a zone, matched whole, from 1990 to a minute after the export's moment, both included (rule T1)."""
    match = _MOMENT.fullmatch(payload)
    if match is None:
        raise BadValueError("timestamp_malformed")
    *parts, decimals, zone, sign, hours, minutes = match.groups()
    try:
        local = datetime(*map(int, parts), int((decimals or "0").ljust(6, "0")), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        raise BadValueError("timestamp_malformed") from None
    if zone is None:
        raise BadValueError("timestamp_without_zone")
    offset = timedelta()
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            raise BadValueError("timestamp_malformed")
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    try:
        moment = local - offset
    except OverflowError:
        raise BadValueError("timestamp_too_old" if local.year == 1 else "timestamp_in_future") from None
    if moment < OLDEST:
        raise BadValueError("timestamp_too_old")
    if moment > to_at + MINUTE:
        raise BadValueError("timestamp_in_future")
    return moment


def day(payload: str, _to_at: datetime) -> date:
    """A real day, YYYY-MM-DD."""
    match = _DATE.fullmatch(payload)
    try:
        return date(*map(int, match.groups()))  # type: ignore[union-attr]
    except (AttributeError, ValueError):
        raise BadValueError("date_malformed") from None


def business_day(moment: datetime) -> date:
    """The day in Los Angeles (rule T5)."""
    return moment.astimezone(LOS_ANGELES).date()


KEYS = {TRANSACTIONS: "transaction_id", CUSTOMERS: "customer_id"}
FIELDS: dict[str, tuple[Field, ...]] = {
    TRANSACTIONS: (
        Field("transaction_id", "transaction_id", "S", text(trim=False)),
        Field("customer_id", "customer_id", "S", text(trim=False)),
        Field("transaction_at", "transaction_timestamp", "S", timestamp),
        Field("amount", "amount", "N", money),
        Field("currency", "currency", "S", text(case="upper")),
        Field("product_id", "product_id", "S", text()),
        Field("product_category", "product_category", "S", text(case="lower")),
        Field("quantity", "quantity", "N", integer),
        Field("payment_method", "payment_method", "S", text(case="lower"), nullable=True),
        Field("status", "status", "S", text(case="lower")),
    ),
    CUSTOMERS: (
        Field("customer_id", "customer_id", "S", text(trim=False)),
        Field("customer_name", "customer_name", "S", text(), nullable=True),
        Field("email", "email", "S", text(), nullable=True),
        Field("customer_segment", "customer_segment", "S", text(case="lower")),
        Field("region", "region", "S", text(case="lower")),
        Field("signup_date", "signup_date", "S", day),
    ),
}


def decode_field(field: Field, attributes: dict[str, Any], to_at: datetime) -> Any:
    """The column's value from attributes like {"amount": {"N": "1"}}; BadValueError: why there is none (rule T2)."""
    attribute = attributes.get(field.source)
    if attribute is None or (isinstance(attribute, dict) and "NULL" in attribute):
        value = None
    elif isinstance(attribute, dict) and list(attribute) == [field.kind] and isinstance(attribute[field.kind], str):
        value = field.decode(attribute[field.kind], to_at)
    else:
        raise BadValueError("wrong_type")
    if value is None and not field.nullable:
        raise BadValueError("missing")
    return value


def decode_row(table: str, key: Any, attributes: dict[str, Any], to_at: datetime) -> tuple[Row, set[str]]:
    """The columns of an item whose key is known or None, and every reason why it is bad but the key's own (rule R4)."""
    row: Row = {}
    reasons: set[str] = set()
    for field in FIELDS[table]:
        if field.name == KEYS[table]:
            row[field.name] = key
            continue
        try:
            row[field.name] = decode_field(field, attributes, to_at)
        except BadValueError as bad:
            reasons.add(str(bad.args[0]))
    if table == TRANSACTIONS:
        if "transaction_at" in row:
            row["transaction_date"] = business_day(row["transaction_at"])
        reasons |= _transaction_rules(row)
    return row, reasons


def _transaction_rules(row: Row) -> set[str]:
    """What makes a decoded transaction bad (rule T4); a column that did not decode is not judged."""
    judged = {
        "amount_out_of_range": "amount" in row and not 0 < row["amount"] < 1_000_000,
        "quantity_out_of_range": "quantity" in row and not 1 <= row["quantity"] <= 10_000,
        "currency_unsupported": "currency" in row and row["currency"] != "USD",
        "status_unknown": "status" in row and row["status"] not in {"completed", "refunded", "pending", "cancelled"},
    }
    return {reason for reason, is_bad in judged.items() if is_bad}
