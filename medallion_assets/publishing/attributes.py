"""Plain Python values as DynamoDB attributes and back, and what an item costs to write.

Belongs here: the types that serving tables use (S, N, BOOL, NULL), exact numbers, item sizes.
Does not: which columns an item has, or the export format.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from medallion_assets.contracts import table
from medallion_assets.errors import PermanentError

Attribute = dict[str, str | bool]
"""One attribute as DynamoDB writes it, such as `{"N": "12.5"}`."""
Item = dict[str, Attribute]
StoredItem = Mapping[str, Mapping[str, object]]
"""An item as it is read."""

MAX_DIGITS = 38
"""What DynamoDB keeps of a number."""
SMALLEST_EXPONENT, LARGEST_EXPONENT = -130, 125
"""Numbers other than 0 lie between 1E-130 and 9.99...E125, on both sides of 0."""
WRITE_UNIT_BYTES = 1024


class UnstorableValueError(PermanentError):
    """A number that DynamoDB cannot keep exactly: its column may have others that it can."""


def to_item(row: Mapping[str, object]) -> Item:
    """A row of plain values as an item.

    Raises:
        UnstorableValueError: a number is not finite, has too many digits, or is too large or too small.
        PermanentError: a column has another type than those that DynamoDB keeps exactly.
        Both messages name the column.
    """
    item: Item = {}
    for name, value in row.items():
        attribute = _attribute(value)
        if attribute is None:
            is_number = isinstance(value, int | Decimal)
            raise (UnstorableValueError if is_number else PermanentError)(
                f"column {name} contains a value that DynamoDB cannot store exactly",
                expected=f"text, bool, int, date, datetime, None, or a Decimal of at most {MAX_DIGITS} digits, "
                f"0 or between 1E{SMALLEST_EXPONENT} and 1E{LARGEST_EXPONENT + 1}",
                found=f"{type(value).__name__} {value!r}",
                do="cast the column in its Gold table",
            )
        item[name] = attribute
    return item


def from_item(item: StoredItem) -> dict[str, object]:
    """An item as plain values: text, bool, None, and Decimal for every number (days stay ISO text)."""
    row: dict[str, object] = {}
    for name, attribute in item.items():
        ((kind, value),) = attribute.items()
        if kind == "NULL":
            row[name] = None
        elif kind == "N":
            row[name] = Decimal(str(value))
        else:
            row[name] = value
    return row


def attribute_type(kind: table.Type) -> str | None:
    """The type of DynamoDB that a column is written as; None for one that is not written."""
    match kind:
        case table.Text() | table.Date() | table.TimestampUtc():
            return "S"
        case table.Integer() | table.Decimal():
            return "N"
        case table.Boolean():
            return "BOOL"
        case _:
            return None


def number(attribute: Mapping[str, object]) -> int:
    """A whole number out of an `N` attribute."""
    return int(Decimal(str(attribute["N"])))


def write_units(item: Item) -> int:
    """What one put of `item` costs, in write capacity units: a unit for every started KiB of names and values."""
    return max(1, -(-item_bytes(item) // WRITE_UNIT_BYTES))


def item_bytes(item: Item) -> int:
    """The size of an item as DynamoDB counts it: names and values."""
    return sum(len(name.encode()) + _attribute_bytes(attribute) for name, attribute in item.items())


def _attribute(value: object) -> Attribute | None:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return _number(Decimal(value))
        case Decimal():
            return _number(value)
        case datetime():
            return {"S": value.isoformat()}
        case date():
            return {"S": value.isoformat()}
        case _:
            return None


def _number(value: Decimal) -> Attribute | None:
    """Plain digits without trailing zeros, as DynamoDB itself returns them, so that equal numbers have equal text."""
    if not value.is_finite():
        return None
    if value and not SMALLEST_EXPONENT <= value.adjusted() <= LARGEST_EXPONENT:
        return None
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text == "-0":
        text = "0"
    digits = text.replace(".", "").replace("-", "").strip("0")
    return {"N": text} if len(digits) <= MAX_DIGITS else None


def _attribute_bytes(attribute: Attribute) -> int:
    """DynamoDB's rules: text by its UTF-8 bytes, a number by a byte for two digits and one more, others one byte."""
    ((kind, value),) = attribute.items()
    if kind == "S":
        return len(str(value).encode())
    if kind == "N":
        return (len(str(value)) + 1) // 2 + 1
    return 1
