"""Exactness: what becomes of a value whose type is not that of its column (rule G6).

Belongs here: the rule, for whatever engine made the value.
Does not: which types an engine has, or asking its rows.
"""

from __future__ import annotations

from enum import Enum, auto

from medallion_assets.contracts.table import Date, Decimal, Float, Text, TextList, TimestampUtc, Type


class ValueKind(Enum):
    """What a type of an engine is about; `NUMBER` is an exact one, or a boolean."""

    NUMBER = auto()
    FLOAT = auto()
    TEXT = auto()
    TIME = auto()
    LIST = auto()
    OTHER = auto()


class Passing(Enum):
    """Which values of a type may stand in a column of another."""

    NONE = auto()
    EXACT = auto()
    """Those that are the same again when they are cast back."""
    HELD = auto()
    """All that the column's type has room for: a float has no exact digits to lose."""


def passing(given: ValueKind, wanted: Type) -> Passing:
    """Which values of a kind may stand in a column of a type."""
    exact = _kind(wanted)
    if (ValueKind.NUMBER if given is ValueKind.FLOAT else given) is not exact:
        return Passing.NONE
    rounds = isinstance(wanted, Float) or (given is ValueKind.FLOAT and isinstance(wanted, Decimal))
    return Passing.HELD if rounds or exact in (ValueKind.TEXT, ValueKind.LIST) else Passing.EXACT


def _kind(wanted: Type) -> ValueKind:
    match wanted:
        case Text():
            return ValueKind.TEXT
        case TextList():
            return ValueKind.LIST
        case Date() | TimestampUtc():
            return ValueKind.TIME
        case _:
            return ValueKind.NUMBER
