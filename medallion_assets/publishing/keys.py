"""Keys of items: how a business key is written, so that it meets none of our own items, and what fits (rule P4).

Belongs here: the keys of a table, percent-encoding of text and back, our own items' keys, the limits of keys and items.
Does not: the row keys of a day, which begin with a version, or which rows are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from medallion_assets.contracts.table import Column, Date, Table, Text, TimestampUtc
from medallion_assets.errors import PermanentError
from medallion_assets.publishing.attributes import Item, StoredItem, attribute_type, to_item

Keys = Mapping[str, str]
"""The key attributes of a table, the partition key first, each with its type in DynamoDB: S or N."""
KeyValue = str | int | Decimal | date
KINDS = {"S": "text, a day or a moment", "N": "a whole or an exact number"}

OWNER, WATERMARK = "#owner", "#watermark"
"""What items of our own are called: their key, in each attribute that is text."""
NUMBERS = {OWNER: -(10**40), WATERMARK: -2 * 10**40}
"""What stands for these names in a key that is a number. No column holds them: it has 38 digits at most."""
KEY_EXISTS, KEY_ABSENT = "attribute_exists(#key)", "attribute_not_exists(#key)"
"""Conditions on an item, whatever its partition key is called; they need `key_names`."""
_OWN = frozenset[object]({*NUMBERS, *NUMBERS.values()})

MOST_PARTITION_KEY_BYTES = 2048
MOST_SORT_KEY_BYTES = 1024
MOST_ITEM_BYTES = 400 * 1024
"""Limits of DynamoDB; text counts by its UTF-8 bytes, an item by its names and values."""

ENCODED_WITH = "percent"
"""What a table says whose keys are written by `encode_key`; one that says nothing has them as they came."""


def encode_key(value: str) -> str:
    """A business key as it stands in DynamoDB: `%` is `%25`, and a `#` that it begins with is `%23`.

    Our own items have keys that begin with `#`. No two values share a key, and `urllib.parse.unquote` (or its like in
    any language) gives the value back.
    """
    encoded = value.replace("%", "%25")
    return f"%23{encoded[1:]}" if encoded.startswith("#") else encoded


def decode_key(key: str) -> str:
    """The business key that `encode_key` wrote."""
    decoded = f"#{key[3:]}" if key.startswith("%23") else key
    return decoded.replace("%25", "%")


def key_types(contract: Table) -> Keys:
    """The key attributes of the DynamoDB table that a contract describes."""
    return {name: attribute_type(contract.column(name).type) or "" for name in contract.key}


def as_key(name: str, kind: str, value: object) -> str | int | Decimal | None:
    """A value as the key attribute `name` of a type holds it: encoded text, or a number; None stays missing.

    Raises:
        PermanentError: it is neither of that type nor missing.
    """
    match kind, value:
        case _, None:
            return None
        case "S", str():
            return encode_key(value)
        case "S", date():
            return value.isoformat()
        case "N", bool():
            pass
        case "N", int() | Decimal():
            return value
        case _:
            pass
    raise PermanentError(
        f"a row's {name} cannot be the key of an item",
        expected=KINDS[kind],
        found=f"{type(value).__name__} {value!r}"[:100],
        do="cast the column in its Gold table, and read by such a value",
    )


def asked_as(column: Column, value: object) -> object:
    """The value of a key that a reader asks for, as rows have it: a moment is the same in every time zone.

    Raises:
        PermanentError: it is of another type than the column, so that no item could have it.
    """
    match column.type, value:
        case TimestampUtc(), datetime() if value.tzinfo is not None:
            return value.astimezone(UTC)
        case TimestampUtc(), _:
            expected = "a moment with its time zone"
        case Date(), date() if not isinstance(value, datetime):
            return value
        case Date(), _:
            expected = "a day (datetime.date)"
        case Text(), _ if not isinstance(value, str):
            expected = "text"
        case _:
            return value  # of numbers `as_key` tells
    raise PermanentError(
        f"no item has such a {column.name}",
        expected=expected,
        found=f"{type(value).__name__} {value!r}"[:100],
        do="ask by a value of the column's type",
    )


def key_value(item: StoredItem, name: str) -> str | Decimal:
    """What an item has in a key attribute, as it stands there."""
    attribute = item[name]
    return str(attribute["S"]) if "S" in attribute else Decimal(str(attribute["N"]))


def decoded(item: StoredItem, keys: Keys) -> dict[str, str | Decimal]:
    """The business key of an item."""
    values = {name: key_value(item, name) for name in keys}
    return {name: decode_key(value) if isinstance(value, str) else value for name, value in values.items()}


def key_names(keys: Keys) -> Mapping[str, str]:
    """What `#key` means: a name of a user's may be a word that DynamoDB reserves."""
    return {"#key": next(iter(keys))}


def own_key(keys: Keys, name: str) -> Item:
    """The key of an item of our own."""
    return to_item({key: name if kind == "S" else NUMBERS[name] for key, kind in keys.items()})


def is_own(item: StoredItem, keys: Keys) -> bool:
    """Whether an item is one of our own, by its partition key."""
    return key_value(item, next(iter(keys))) in _OWN
