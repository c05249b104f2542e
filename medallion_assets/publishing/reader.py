"""Reading the serving tables: what an API does to see a whole day, and a customer as of its own clock.

Belongs here: the reader's side of rules P1 and P2. Does not: writing (publishing.day_publisher,
publishing.item_publisher).

Reads are strongly consistent unless told otherwise: an eventually consistent reader may see an older day after a newer
one, yet never half of one, because the pointer says how many rows there are.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from medallion_assets.errors import TransientError
from medallion_assets.publishing.attributes import StoredItem, from_item, number
from medallion_assets.publishing.day_publisher import DAY, POINTER, ROW, rows_of_version
from medallion_assets.publishing.keys import MOST_PARTITION_KEY_BYTES, decode_key, encode_key
from medallion_assets.publishing.tombstones import EXPIRES_AT, is_tombstone
from medallion_assets.publishing.watermark import VERSION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

MOST_ATTEMPTS = 5
DECIMALS = 4


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
        f"{table_name} does not show all rows of {day}",
        expected=f"{expected} rows",
        found=f"{found} rows",
        do="read again; if it stays so, publish the day again under a newer Gold version",
    )


def read_ltv(
    client: DynamoDBClient, table_name: str, customer_id: str, *, today: date, consistent: bool = True
) -> dict[str, object] | None:
    """A customer's figures with those that only the clock changes, as of `today`; None when there is no such customer.

    Keys are encoded (rule P4), so no customer's is that of an item of ours; a tombstone is no customer (rule P2).
    Numbers are Decimal, counts and scores int, days `date`. `as_of_date` is the day the stored figures last changed.
    """
    encoded = encode_key(customer_id)
    if not 0 < len(encoded.encode()) <= MOST_PARTITION_KEY_BYTES:
        return None
    key = {"customer_id": {"S": encoded}}
    item = client.get_item(TableName=table_name, Key=key, ConsistentRead=consistent).get("Item")
    if item is None or is_tombstone(item):
        return None
    row = _visible(item, VERSION) | {"customer_id": decode_key(item["customer_id"]["S"])}
    for name in ("as_of_date", "first_order_date", "last_order_date"):
        row[name] = date.fromisoformat(item[name]["S"])
    for name in ("order_count", "recency_score", "frequency_score", "monetary_score"):
        row[name] = number(item[name])
    return row | clock_figures(
        first_order_date=date.fromisoformat(item["first_order_date"]["S"]),
        last_order_date=date.fromisoformat(item["last_order_date"]["S"]),
        order_count=number(item["order_count"]),
        today=today,
    )


def clock_figures(*, first_order_date: date, last_order_date: date, order_count: int, today: date) -> dict[str, object]:
    """recency_days, tenure_days and orders_per_30_days as of `today` (rule G3; half up to 4 decimals, in integers)."""
    tenure_days = (today - first_order_date).days
    days = max(tenure_days, 1)
    units = order_count * 30 * 10**DECIMALS
    return {
        "recency_days": (today - last_order_date).days,
        "tenure_days": tenure_days,
        "orders_per_30_days": Decimal((2 * units + days) // (2 * days)).scaleb(-DECIMALS),
    }


def _rows(client: DynamoDBClient, table_name: str, day: date, version: int, *, consistent: bool) -> list[StoredItem]:
    pages = client.get_paginator("query").paginate(
        TableName=table_name, ConsistentRead=consistent, **rows_of_version(day, version)
    )
    return [row for page in pages for row in page["Items"]]


def _visible(item: StoredItem, *hidden: str) -> dict[str, object]:
    return {name: value for name, value in from_item(item).items() if name not in hidden}
