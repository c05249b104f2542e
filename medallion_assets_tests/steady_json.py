"""Documents of the demo as JSON in which nothing depends on the clock, on the run or on the machine.

Belongs here: what is left out of an answer or an item, by name, and how the rest stands on lines.
Does not: what is asked of the demo, or the columns that a table leaves out (`demo_snapshot.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

TIME, ID, FIGURE = "<time>", "<id>", "<figure>"
VOLATILE = {
    **dict.fromkeys(("at", "made_at", "last_refreshed", "last_success", "started_at", "failed_at"), TIME),
    **dict.fromkeys(("published_at", "since", "turn_began_at"), TIME),
    **dict.fromkeys(("gold_commit", "lakehouse_id", "run_id", "table_id", "turn", "turn_run_id"), ID),
    **dict.fromkeys(("duration_seconds", "median_seconds", "longest_seconds", "publishing_seconds", "seconds"), FIGURE),
    **dict.fromkeys(("peak_memory_bytes", "size_bytes", "dagster_home"), FIGURE),
}
"""What stands in an answer or an item for the value of a name that no two demos have in common; null stays null."""
SHAPES = frozenset({"examples"})
"""Of these only the shape counts: which rows are shown as examples depends on how many cores read them."""
MOMENT = re.compile(r"\(\d{4}-\d\d-\d\d \d\d:\d\d UTC\)")
"""A moment within the text of a problem."""
WIDTH_OF_LIST, WIDTH_OF_OBJECT = 120, 600
"""What is not wider stands on one line of the file."""


def steady(value: Any, home: str, more: Mapping[str, str] | None = None) -> Any:
    """A document without what no two demos have in common."""
    volatile = {**VOLATILE, **(more or {})}

    def in_place(name: str, value: Any) -> Any:
        if name in SHAPES:
            return _shape(value)
        if isinstance(value, dict):
            return {str(each): in_place(each, member) for each, member in value.items()}
        if isinstance(value, list):
            return [in_place(name, member) for member in value]
        if value is not None and name in volatile:
            return volatile[name]
        if not isinstance(value, str):
            return value
        text = value.replace(home, "<home>")
        return MOMENT.sub(f"({TIME})", text) if name == "problems" else text

    return in_place("", value)


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(member) for name, member in value.items()}
    if isinstance(value, list):
        shapes = [_shape(member) for member in value]
        return [shape for place, shape in enumerate(shapes) if shape not in shapes[:place]]
    return f"<{type(value).__name__}>"


def json_lines(value: Any, indent: str = "", name: str = "") -> Iterator[str]:
    """JSON in which what fits on a line stands on one, so that a difference is short and says where."""
    whole = f"{name}{json.dumps(value, ensure_ascii=False)}"
    width = WIDTH_OF_LIST if isinstance(value, list) else WIDTH_OF_OBJECT
    if not value or not isinstance(value, dict | list) or len(indent) + len(whole) < width:
        yield indent + whole
        return
    first, last = "{}" if isinstance(value, dict) else "[]"
    yield f"{indent}{name}{first}\n"
    members = (
        [(f"{json.dumps(each, ensure_ascii=False)}: ", member) for each, member in value.items()]
        if isinstance(value, dict)
        else [("", member) for member in value]
    )
    for number, (each, member) in enumerate(members):
        yield from json_lines(member, f"{indent} ", each)
        yield ",\n" if number + 1 < len(members) else "\n"
    yield f"{indent}{last}"
