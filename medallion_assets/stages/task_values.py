"""Task values: small values that one stage sets and a later one reads, in the same run or in another.

Belongs here: setting them, as figures of a report.
Does not: reading them, or data: what is larger than a few figures goes into a table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from medallion_assets.errors import PermanentError

Value = bool | int | float | str | list[Any] | dict[str, Any] | None
"""What JSON can say."""
PREFIX = "value/"
"""What the figure of a value that was set begins with."""
LARGEST_BYTES = 48 * 1024
"""The most that a value may take as JSON; the limit that Databricks has for its task values."""


def task_values(values: Mapping[str, Value]) -> dict[str, Value]:
    """The figures that set some values, by name.

    Raises:
        PermanentError: a value is nothing that JSON can say, or is larger than LARGEST_BYTES.
    """
    return {f"{PREFIX}{name}": _checked(name, value) for name, value in values.items()}


def _checked(name: str, value: Value) -> Value:
    try:
        size = len(json.dumps(value, allow_nan=False).encode())
    except (TypeError, ValueError) as error:
        raise PermanentError(
            f"the task value {name!r} cannot be set",
            expected="what JSON can say: text, a finite number, true, false, null, or lists and objects of these",
            found=error,
            do="set such a value",
        ) from None
    if size > LARGEST_BYTES:
        raise PermanentError(
            f"the task value {name!r} is too large",
            expected=f"at most {LARGEST_BYTES:,} bytes as JSON",
            found=f"{size:,} bytes",
            do="write it to a table, and set its version as the value",
        )
    return value
