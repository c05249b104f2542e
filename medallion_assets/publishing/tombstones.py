"""Tombstones: what stays of an item that vanished, so that a slower publish cannot bring it back (rule P2).

Belongs here: what a tombstone looks like, and how long it stays.
Does not: when one is written.

Readers treat it as no item at all. It carries the pair it was written under, as any item does, and gives way to a
higher one. It outlives every publisher that may still be under way: a request that DynamoDB accepts was signed in the
last 5 minutes, and a publish that begins later finds the watermark.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from medallion_assets.contracts.columns import IS_DELETED
from medallion_assets.contracts.published import EXPIRES_AT
from medallion_assets.publishing.attributes import Item, to_item

KEEP_SECONDS = 7 * 86_400


def tombstone(key: Item, pair: Item, now: datetime) -> Item:
    """The item that stays under `key`: the `pair` of the publish that it vanished in, and when it expires."""
    return key | pair | to_item({IS_DELETED: True, EXPIRES_AT: int(now.timestamp()) + KEEP_SECONDS})


def is_tombstone(item: Mapping[str, Any]) -> bool:
    """Whether readers treat an item as absent."""
    return bool(item.get(IS_DELETED, {}).get("BOOL", False))
