"""Reading the serving tables: what an API does to see a whole day, or what is known of a key.

Belongs here: the reader's side of rules P1 and P2. Does not: writing (publishing.day_publisher,
publishing.item_publisher).

Reads are strongly consistent unless asked otherwise: an eventually consistent reader may see an older day after a newer
one, yet never half of one, because the pointer says how many rows there are.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from medallion_assets.contracts.table import Date, Integer, Table
from medallion_assets.errors import TransientError
from medallion_assets.publishing.attributes import StoredItem, from_item, number, to_item
from medallion_assets.publishing.completeness import Completeness
from medallion_assets.publishing.day_publisher import DAY, POINTER, ROW, rows_of_version
from medallion_assets.publishing.keys import MOST_PARTITION_KEY_BYTES, MOST_SORT_KEY_BYTES, encode_key
from medallion_assets.publishing.tombstones import EXPIRES_AT, is_tombstone
from medallion_assets.publishing.watermark import VERSION, watermark_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

MOST_ATTEMPTS = 5


def read_day(client: DynamoDBClient, table_name: str, day: date, *, consistent: bool = True) -> list[dict[str, object]]:
    """Every row of the day's current version, in order of its key; empty when the day is empty or was never published.

    Numbers are Decimal, days ISO text. Reads the pointer, then the rows of its version; when rows are missing (they
    expired in between, or an inconsistent read lags), reads the pointer again (rule P1).

    Raises:
        TransientError: rows were missing five times in a row.
    """
    pointer_key = {DAY: {"S": day.isoformat()}, ROW: {"S": POINTER}}
    found = expected = 0
    for _ in range(MOST_ATTEMPTS):
        pointer = client.get_item(TableName=table_name, Key=pointer_key, ConsistentRead=consistent).get("Item")
        if pointer is None:
            return []
        rows = _rows(client, table_name, day, number(pointer["version"]), consistent=consistent)
        found, expected = len(rows), number(pointer["row_count"])
        if found == expected:
            return [_visible(row, ROW, EXPIRES_AT) for row in rows]
    raise TransientError(
        f"{table_name} does not show all rows of a day",
        expected=f"{expected} rows of {day}",
        found=f"{found} rows",
        do="read again; if it persists, publish the day again under a newer Gold version",
    )


def read_completeness(
    client: DynamoDBClient, table_name: str, contract: Table, day: date | None = None, *, consistent: bool = True
) -> Completeness | None:
    """How sure the figures are of a `day` in a table of days, or of all items in a table of items (rule V6).

    None where nothing was published, or nobody knows.
    """
    key = watermark_key(contract.key) if day is None else {DAY: {"S": day.isoformat()}, ROW: {"S": POINTER}}
    found = client.get_item(TableName=table_name, Key=key, ConsistentRead=consistent).get("Item", {})
    return Completeness.of_item(found)


def read_item(
    client: DynamoDBClient, table_name: str, contract: Table, *key: str, consistent: bool = True
) -> dict[str, object] | None:
    """The figures of a key in a table of items, by the `contract` of what is published there; None without such a key.

    Keys are encoded (rule P4), so none is that of an item of ours; a tombstone is no item (rule P2). Dates are `date`,
    integers int, other numbers Decimal. `as_of_date` is the day the stored figures last changed.
    """
    encoded = {name: encode_key(value) for name, value in zip(contract.key, key, strict=True)}
    limits = (MOST_PARTITION_KEY_BYTES, MOST_SORT_KEY_BYTES)
    if any(not 0 < len(value.encode()) <= most for value, most in zip(encoded.values(), limits, strict=False)):
        return None
    item = client.get_item(TableName=table_name, Key=to_item(encoded), ConsistentRead=consistent).get("Item")
    if item is None or is_tombstone(item):
        return None
    figures = {name: _typed(contract, name, value) for name, value in _visible(item, VERSION).items()}
    return figures | dict(zip(contract.key, key, strict=True))


def _typed(contract: Table, name: str, value: object) -> object:
    kind = contract.column(name).type if name in contract.column_names else None
    if isinstance(kind, Date) and isinstance(value, str):
        return date.fromisoformat(value)
    return int(value) if isinstance(kind, Integer) and isinstance(value, Decimal) else value


def _rows(client: DynamoDBClient, table_name: str, day: date, version: int, *, consistent: bool) -> list[StoredItem]:
    pages = client.get_paginator("query").paginate(
        TableName=table_name, ConsistentRead=consistent, **rows_of_version(day, version)
    )
    return [row for page in pages for row in page["Items"]]


def _visible(item: StoredItem, *hidden: str) -> dict[str, object]:
    return {name: value for name, value in from_item(item).items() if name not in hidden}
