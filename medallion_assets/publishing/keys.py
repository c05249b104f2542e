"""Keys of items: how a business key is written, so that it meets none of our own items, and what fits (rule P4).

Belongs here: percent-encoding of keys and back, and the limits of keys and items.
Does not: the row keys of a day, which begin with a version (publishing.day_publisher), or which rows are left out
(publishing.unpublishable).
"""

from __future__ import annotations

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
