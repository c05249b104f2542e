"""Shown rows: rows of any table as plain Python values, whatever they hold.

Belongs here: moments that Delta and Polars can hold and Python cannot.
Does not: text, or how rows are laid out.

No rule lets such a moment in; tables that an earlier release made may hold one, and must be shown to be mended.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from medallion_assets.contracts.moments import FIRST_MICROS, LAST_MICROS, moment

SAMPLE_ROWS = 5
"""So many rows a check or an error shows of those that it is about."""
MICROS_PER_YEAR = 31_556_952_000_000


def shown_rows(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows as `to_dicts` has them; a moment that Python cannot hold is a text that says so."""
    micros = {
        name: rows[name].dt.timestamp("us")
        for name, kind in rows.schema.items()
        if isinstance(kind, pl.Datetime) and not rows[name].dt.timestamp("us").is_between(*_PYTHON).all()
    }
    if not micros:
        return rows.to_dicts()
    shown = rows.with_columns(
        pl.when(pl.lit(column.is_between(*_PYTHON))).then(pl.col(name)).alias(name) for name, column in micros.items()
    ).to_dicts()
    for name, column in micros.items():
        for row, value in zip(shown, column, strict=True):
            row[name] = row[name] if row[name] is not None or value is None else moment_text(value)
    return shown


def moment_text(micros: int) -> str:
    """A moment in ISO 8601, or, where that cannot say it, in microseconds and about which year."""
    if FIRST_MICROS <= micros <= LAST_MICROS:
        return moment(micros).isoformat()
    return f"{micros} microseconds since 1970 (about the year {1970 + micros // MICROS_PER_YEAR})"


_PYTHON = (FIRST_MICROS, LAST_MICROS)
