"""Rows as people read them: one line of JSON for a row of any table or query.

Belongs here: values that JSON has no words for, wherever they stand in a row.
Does not: JSON that this project reads back, or cutting what is too long.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def row_as_json(row: Mapping[str, Any]) -> str:
    """A row as JSON; dates, decimals and what else it does not know as their text, also as keys of a map."""
    return json.dumps(_with_text_keys(row), default=str, ensure_ascii=False)


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _with_text_keys(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_with_text_keys(held) for held in value]
    return value
