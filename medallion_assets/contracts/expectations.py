"""Expectations: what a good row is, written once for every engine with Narwhals.

Belongs here: the three kinds of expectation and how a frame is judged by them.
Does not: the expectations of a table (its contract), building lists of names, or what happens to a batch that fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import narwhals as nw
import polars as pl
from narwhals.typing import IntoLazyFrameT

from medallion_assets.contracts.columns import FAILURES, IS_DELETE, REASON_COLUMNS, REASONS, WARNINGS
from medallion_assets.contracts.reasons import appended, listed, spread

MALFORMED_JSON, UNKNOWN_RECORD, WRONG_COLUMN_COUNT = "malformed_json", "unknown_record", "wrong_column_count"
UNREADABLE = (MALFORMED_JSON, UNKNOWN_RECORD, WRONG_COLUMN_COUNT)
"""The reasons of records that decoding could not take apart: nothing is known of their columns."""


class Action(StrEnum):
    """What happens to a row that does not meet an expectation."""

    WARN = "expect"
    """The row stays; the count is reported."""
    DROP = "expect_or_drop"
    """The row goes to quarantine with the expectation's name as its reason."""
    FAIL = "expect_or_fail"
    """The whole batch stops before it is published."""


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """A named condition on one row. `condition` is a Boolean expression; null (nothing to judge) counts as met.

    `values` are all that `column` may hold, where the condition is that it holds one of them.
    """

    name: str
    condition: nw.Expr
    action: Action
    column: str | None = None
    values: tuple[str, ...] = ()


def expect(name: str, condition: nw.Expr, column: str | None = None) -> Expectation:
    """A warning: rows that do not meet it are counted and kept."""
    return Expectation(name, condition, Action.WARN, column)


def expect_or_drop(name: str, condition: nw.Expr, column: str | None = None) -> Expectation:
    """Rows that do not meet it are bad records: quarantined with `name` as the reason (rule R4)."""
    return Expectation(name, condition, Action.DROP, column)


def expect_one_of(name: str, column: str, values: tuple[str, ...]) -> Expectation:
    """Rows whose `column` holds none of `values` are bad records: quarantined with `name` as the reason (rule R4)."""
    return Expectation(name, nw.col(column).is_in(values), Action.DROP, column, values)


def expect_or_fail(name: str, condition: nw.Expr, column: str | None = None) -> Expectation:
    """One row that does not meet it fails the batch (rule C3)."""
    return Expectation(name, condition, Action.FAIL, column)


def violations(frame: IntoLazyFrameT, expectations: Sequence[Expectation]) -> IntoLazyFrameT:
    """One Boolean column, without nulls, for each expectation (at least one): true where the record does not meet it.

    `frame` is what decoding gives, lazy, of any engine. Not judged: deletes, records that cannot be read, and
    expectations whose column has a reason already.
    """
    is_judged = ~nw.col(IS_DELETE)
    for verdict in UNREADABLE:
        is_judged &= ~nw.col(REASONS).list.contains(verdict)
    columns = []
    for expectation in expectations:
        fails = nw.col("_is_judged") & ~expectation.condition.fill_null(value=True)
        if expectation.column is not None:
            fails &= ~nw.col(REASON_COLUMNS).list.contains(expectation.column)
        columns.append(fails.alias(expectation.name))
    return nw.from_native(frame).with_columns(is_judged.alias("_is_judged")).select(*columns).to_native()


def judge(frame: pl.DataFrame, expectations: Sequence[Expectation]) -> pl.DataFrame:
    """Judge decoded records: the same rows, with the names of the expectations that each does not meet (rules R4, T4).

    A failed `expect_or_drop` is appended to `_reasons`, and its column (null: none) to `_reason_columns`. New are two
    columns of lists, empty where all is well: `_warnings` (`expect`) and `_failures` (`expect_or_fail`).
    """
    may_fail = _may_fail(frame, expectations)
    few = frame.filter(may_fail)
    flags = violations(few.lazy(), expectations).collect() if expectations else pl.DataFrame(height=few.height)
    dropped, warned, failed = (
        {expectation.name: expectation.column for expectation in expectations if expectation.action is action}
        for action in (Action.DROP, Action.WARN, Action.FAIL)
    )

    def lists(names: Iterable[str], listed_as: Iterable[str | None]) -> pl.Series:
        return spread(listed(flags.select(*names), list(listed_as), height=few.height), may_fail)

    return frame.with_columns(
        appended(frame[REASONS], lists(dropped, dropped)),
        appended(frame[REASON_COLUMNS], lists(dropped, dropped.values())),
        lists(warned, warned).alias(WARNINGS),
        lists(failed, failed).alias(FAILURES),
    )


def _may_fail(frame: pl.DataFrame, expectations: Sequence[Expectation]) -> pl.Series:
    """The records that do not meet a condition, judged or not: of so few it takes no time to look closer."""
    if not expectations:
        return pl.repeat(value=False, n=frame.height, dtype=pl.Boolean, eager=True)
    conditions = (~expectation.condition.fill_null(value=True) for expectation in expectations)
    fails = nw.any_horizontal(*conditions, ignore_nulls=True)
    return nw.from_native(frame.lazy()).select(fails.alias("_may_fail")).to_native().collect().to_series()
