"""Expectations: what a good row is, written once for every engine with Narwhals.

Belongs here: the three kinds of expectation and how a frame is judged by them.
Does not: the expectations of a table (its contract), or what happens to an export that fails (lakehouse.gate).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import narwhals as nw


class Action(StrEnum):
    """What happens to a row that does not meet an expectation."""

    WARN = "expect"
    """The row stays; the count is reported."""
    DROP = "expect_or_drop"
    """The row goes to quarantine with the expectation's name as its reason."""
    FAIL = "expect_or_fail"
    """The whole export stops before it is published."""


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """A named condition on one row. `condition` is a Boolean expression; null (nothing to judge) counts as met."""

    name: str
    condition: nw.Expr
    action: Action
    column: str | None = None


def expect(name: str, condition: nw.Expr, column: str | None = None) -> Expectation:
    """A warning: rows that do not meet it are counted and kept."""
    return Expectation(name, condition, Action.WARN, column)


def expect_or_drop(name: str, condition: nw.Expr, column: str | None = None) -> Expectation:
    """Rows that do not meet it are bad records: quarantined with `name` as the reason (rule R4)."""
    return Expectation(name, condition, Action.DROP, column)


def expect_or_fail(name: str, condition: nw.Expr, column: str | None = None) -> Expectation:
    """One row that does not meet it fails the export (rule C3)."""
    return Expectation(name, condition, Action.FAIL, column)
