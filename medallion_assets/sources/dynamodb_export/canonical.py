"""One spelling for every spelling of a record, so that a record that was exported twice is seen to be the same.

Belongs here: what of DynamoDB JSON has no order.
Does not: what follows for two records of a key.
"""

from __future__ import annotations

import json
from typing import Any


def canonical(raw: str) -> str:
    """One spelling for every spelling of a record: attributes and set members in order; numbers as they are written."""
    try:
        return json.dumps(_ordered(json.loads(raw)), sort_keys=True)
    except (ValueError, RecursionError):
        return raw


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: sorted(member, key=str)
            if name in {"SS", "NS", "BS"} and isinstance(member, list)
            else _ordered(member)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [_ordered(member) for member in value]
    return value
