"""Setting values: what the text of a variable stands for, and the error for one that is not allowed.

Belongs here: parsing that several settings share, of any mapping that is handed in.
Does not: which settings there are (the room itself), or reading the environment.

pydantic-settings is not used: it passes over a variable that no field has, so a misspelled one would be a silent
default, and its errors name fields and types, where ours name the variable, and what to do.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import time
from typing import Any, TypeVar
from zoneinfo import ZoneInfoNotFoundError

from medallion_assets.errors import SettingsError

Value = TypeVar("Value")
PREFIX = re.compile(r"[A-Za-z0-9_.-]{0,200}")
"""What the name of a DynamoDB table may begin with; a whole name has at most 255 characters."""
AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The variables that are secrets, and without which a process has its role."""
GREATEST_PORT = 65_535
NUMBER = "a number that is not negative"
NO_NAMES = frozenset({"yes", "no", "true", "false", "1", "0", "on", "off", "all", "any", "*"})
"""What somebody writes who means to be asked no more; samples are published by name alone."""


def parsed(env: Mapping[str, str], name: str, default: str, parse: Callable[[str], Value], expected: str) -> Value:
    """What the text of a setting stands for; `expected` says what `parse` takes."""
    text = env.get(name) or default
    try:
        return parse(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise not_allowed(name, expected, text) from None


def optional(env: Mapping[str, str], name: str, parse: Callable[[str], Value], expected: str) -> Value | None:
    """What the text of a setting stands for; None where it is not set."""
    return parsed(env, name, "", parse, expected) if env.get(name) else None


def time_of_day(text: str) -> time:
    """A time of day; which zone it is in, another setting says.

    Raises:
        ValueError: it is none, or names a zone.
    """
    at = time.fromisoformat(text)
    if at.tzinfo is not None:
        raise ValueError(text)
    return at


def choice(env: Mapping[str, str], name: str, allowed: Sequence[str]) -> str:
    """One of `allowed`, the first of which is the default."""
    value = env.get(name) or allowed[0]
    if value not in allowed:
        raise not_allowed(name, f"one of {', '.join(allowed)}", value)
    return value


def table_prefix(env: Mapping[str, str], name: str) -> str:
    """What the names of DynamoDB tables may begin with; empty unless it is set."""
    value = env.get(name, "")
    if not PREFIX.fullmatch(value):
        raise not_allowed(name, "at most 200 of the characters A-Z a-z 0-9 _ . - such as staging_", value)
    return value


def names_in(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Names, separated by blanks or commas."""
    text = env.get(name, "")
    names = tuple(text.replace(",", " ").split())
    if NO_NAMES & {listed.lower() for listed in names}:
        raise not_allowed(name, "names of DynamoDB tables, or the id of a lakehouse", text)
    return names


def number(env: Mapping[str, str], name: str, default: str) -> float:
    """A finite number that is not negative."""
    value = parsed(env, name, default, float, NUMBER)
    if not 0 <= value < math.inf:
        raise not_allowed(name, NUMBER, env.get(name))
    return value


def positive(text: str) -> float:
    """A finite number over 0; ValueError for anything else."""
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError(text)
    return value


def memory(text: str) -> str:
    """An amount of memory as DuckDB takes it; ValueError for anything else."""
    if not re.fullmatch(r"[1-9][0-9]*(\.[0-9]+)? ?(MB|GB|MiB|GiB)", text):
        raise ValueError(text)
    return text


def json_object(env: Mapping[str, str], name: str, example: str) -> dict[str, Any]:
    """A JSON object whose values are texts or lists of texts, by job; empty unless it is set."""
    text = env.get(name) or "{}"
    try:
        value: Any = json.loads(text)
    except ValueError:
        value = None
    lines = value if isinstance(value, dict) else {name: None}
    listed = [line if isinstance(line, list) else [line] for line in lines.values()]
    if any(not isinstance(line, str) for given in listed for line in given):
        raise not_allowed(name, f"a JSON object of job names, {example}", text)
    return lines


def not_allowed(name: str, expected: str, found: object) -> SettingsError:
    """The error for a value that is not allowed."""
    return SettingsError(
        f"{name} is not allowed", expected=expected, found=repr(found), do=f"unset {name}, or set it to such a value"
    )
