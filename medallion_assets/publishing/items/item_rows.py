"""Rows as the items of a table of items: with encoded keys, without those that DynamoDB cannot take (rule P4).

Belongs here: which rows become items, in which form, and what tells whether an item differs from a row.
Does not: which items are written, and in which order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from medallion_assets.contracts.published import AS_OF_DATE, GOLD_VERSION
from medallion_assets.errors import PermanentError
from medallion_assets.publishing.attributes import Item, to_item
from medallion_assets.publishing.items.watermark import Pair
from medallion_assets.publishing.keys import ENCODED_WITH, Keys, as_key
from medallion_assets.publishing.unpublishable import KeyRule, LeftOut, item_or_reason

Row = Mapping[str, object]


def sifted(
    table: str, keys: Keys, rows: Iterable[Row], pair: Pair, rules: Sequence[KeyRule]
) -> tuple[list[Row], LeftOut]:
    """The rows that become items of a table, with encoded keys, and those that are left out.

    Raises:
        PermanentError: a key has another type, or is there twice; a column has a type that DynamoDB does not keep
            exactly.
    """
    kept: list[Row] = []
    left_out = LeftOut()
    seen: set[object] = set()
    carried = carried_by(pair)
    for row in rows:
        value = key_of(row, keys)
        if value in seen:
            raise PermanentError(
                f"two rows have the same {', '.join(keys)}",
                where=table,
                expected=f"one row a {', '.join(keys)}",
                found=", ".join(map(repr, value))[:100],
                do="see that compute of the Gold table groups by its key, then run `medallion rebuild` for the table",
            )
        seen.add(value)
        encoded = encoded_row(keys, row)
        _, reason = item_or_reason(encoded, carried, rules)
        if reason is None:
            kept.append(encoded)
        else:
            left_out.add(", ".join(map(str, value)), reason)
    return kept, left_out


def key_of(row: Mapping[str, object], keys: Keys) -> tuple[object, ...]:
    """What tells a row from the others."""
    return tuple(row[name] for name in keys)


def encoded_row(keys: Keys, row: Row) -> Row:
    """The row with its key as it stands in DynamoDB.

    Raises:
        PermanentError: a part of the key is neither of its type nor missing.
    """
    return {**row, **{name: as_key(name, kind, row[name]) for name, kind in keys.items()}}


def carried_by(pair: Pair) -> Item:
    """What every item of a publish carries."""
    return to_item({AS_OF_DATE: pair.as_of, GOLD_VERSION: pair.version})


def form_of(columns: Iterable[str]) -> str:
    """What tells whether items hold other attributes, or other keys, than rows of these columns would."""
    return hashlib.blake2b(repr([ENCODED_WITH, *sorted(columns)]).encode(), digest_size=16).hexdigest()


def fingerprint(item: Item) -> bytes:
    """16 bytes that tell whether figures differ, the pair left aside: millions of them fit in memory."""
    figures = sorted((name, repr(value)) for name, value in item.items() if name not in {AS_OF_DATE, GOLD_VERSION})
    return hashlib.blake2b(repr(figures).encode(), digest_size=16).digest()
