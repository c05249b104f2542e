"""Reading the serving tables: what an API does to see a whole day, or what is known of a key.

Belongs here: the reader's side of rules P1 and P2. Does not: writing.

Reads are strongly consistent unless asked otherwise: an eventually consistent reader may see an older day after a newer
one, yet never half of one, because the pointer says how many rows there are.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from medallion_assets.contracts.published import DAY_KEYS, EXPIRES_AT, GOLD_VERSION
from medallion_assets.contracts.table import Date, Integer, Table, Text
from medallion_assets.errors import TransientError
from medallion_assets.publishing.attributes import StoredItem, UnstorableValueError, from_item, number, to_item
from medallion_assets.publishing.completeness import Completeness
from medallion_assets.publishing.days.day_publisher import POINTER, DayKeys
from medallion_assets.publishing.keys import WATERMARK, KeyValue, as_key, asked_as, is_own, key_types, own_key
from medallion_assets.publishing.tombstones import is_tombstone
from medallion_assets.publishing.unpublishable import key_rules

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

MOST_ATTEMPTS = 5


def read_day(
    client: DynamoDBClient,
    table_name: str,
    day: date,
    *,
    keys: tuple[str, str] = DAY_KEYS,
    consistent: bool = True,
) -> list[dict[str, object]]:
    """Every row of the day's current version, in order of its key; empty when the day is empty or was never published.

    Numbers are Decimal, days ISO text; `keys` are the names of the keys. Reads the pointer, then the rows of its
    version; when rows are missing (they expired in between, or an inconsistent read lags), reads the pointer again
    (rule P1).

    Raises:
        TransientError: rows were missing five times in a row.
    """
    names = DayKeys(*keys)
    pointer_key = names.key(day, POINTER)
    found = expected = 0
    for _ in range(MOST_ATTEMPTS):
        pointer = client.get_item(TableName=table_name, Key=pointer_key, ConsistentRead=consistent).get("Item")
        if pointer is None:
            return []
        query = names.rows_of_version(day, number(pointer["version"]))
        rows = _rows(client, table_name, query, consistent=consistent)
        found, expected = len(rows), number(pointer["row_count"])
        if found == expected:
            return [_visible(row, names.row, EXPIRES_AT) for row in rows]
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

    `contract` is that of what is published, as `SALES_METRICS.table`. None where nothing was published, or nobody
    knows.

    Raises:
        PermanentError: a `day` is asked for, and the contract is of no table of days.
    """
    keys = key_types(contract)
    if day is not None and [type(contract.column(name).type) for name in keys] != [Text, Text]:
        raise contract.wrong(
            "the contract of a table of days: its day and its row are the keys",
            ", ".join(contract.key),
            do="pass `table` of the PublishDays that declares it, and not the contract of its Gold table",
        )
    key = own_key(keys, WATERMARK) if day is None else DayKeys(*keys).key(day, POINTER)
    found = client.get_item(TableName=table_name, Key=key, ConsistentRead=consistent).get("Item", {})
    return Completeness.of_item(found)


def read_item(
    client: DynamoDBClient, table_name: str, contract: Table, *key: KeyValue, consistent: bool = True
) -> dict[str, object] | None:
    """The figures of a key in a table of items, by the `contract` of what is published there; None without such a key.

    Text in keys is encoded (rule P4); no key is that of an item of ours, and a tombstone is no item (rule P2). Dates
    are `date`, integers int, other numbers Decimal; a key that is a moment is a `datetime`, asked for in any time zone.
    `as_of_date` is the day the stored figures last changed.

    Raises:
        PermanentError: a part of the key has another type than its column.
    """
    keys = key_types(contract)
    values = {name: asked_as(contract.column(name), value) for name, value in zip(keys, key, strict=True)}
    try:
        asked = to_item({name: as_key(name, kind, values[name]) for name, kind in keys.items()})
    except UnstorableValueError:
        return None
    if any(rule.objection(asked) for rule in key_rules(keys)) or is_own(asked, keys):
        return None
    item = client.get_item(TableName=table_name, Key=asked, ConsistentRead=consistent).get("Item")
    if item is None or is_tombstone(item):
        return None
    figures = {name: _typed(contract, name, value) for name, value in _visible(item, GOLD_VERSION).items()}
    return figures | {name: value for name, value in values.items() if keys[name] == "S"}  # it stands there encoded


def _typed(contract: Table, name: str, value: object) -> object:
    kind = contract.column(name).type if name in contract.column_names else None
    if isinstance(kind, Date) and isinstance(value, str):
        return date.fromisoformat(value)
    return int(value) if isinstance(kind, Integer) and isinstance(value, Decimal) else value


def _rows(client: DynamoDBClient, table_name: str, query: dict[str, Any], *, consistent: bool) -> list[StoredItem]:
    pages = client.get_paginator("query").paginate(TableName=table_name, ConsistentRead=consistent, **query)
    return [row for page in pages for row in page["Items"]]


def _visible(item: StoredItem, *hidden: str) -> dict[str, object]:
    return {name: value for name, value in from_item(item).items() if name not in hidden}
