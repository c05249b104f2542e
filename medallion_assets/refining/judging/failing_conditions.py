"""Conditions that raise: an expectation that cannot be asked of some record, as an error that names both.

Belongs here: finding out which expectation it is, and of which batches.
Does not: what becomes of a record that does not meet one, or refusing a contract of which no record can be judged.
"""

from __future__ import annotations

import polars as pl

from medallion_assets.contracts.columns import BATCH_ID
from medallion_assets.contracts.expectations import Expectation, judge
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.errors import PermanentError
from medallion_assets.errors.long_texts import first_line
from medallion_assets.errors.native import as_error


def judge_by_name(records: pl.DataFrame, loaded: Loaded) -> pl.DataFrame:
    """Judge decoded records by the expectations of their table, as `judge` does.

    Raises:
        PermanentError: a condition raises; with the table, the expectation, the batches, and what it said.
    """
    try:
        return judge(records, loaded.table.expectations)
    except Exception as error:  # whatever a condition of somebody's raises
        is_native = as_error(loaded.table.name, error) is not None  # memory that ran out is no fault of a condition
        if is_native or (named := _named(records, loaded)) is None:
            raise
        raise named from error


def _named(records: pl.DataFrame, loaded: Loaded) -> PermanentError | None:
    """The error of the first expectation that raises alone; None if each can be asked now."""
    parts = records.partition_by(BATCH_ID, as_dict=True, maintain_order=True)
    for expectation in loaded.table.expectations:
        raised = {
            str(batch_id): error
            for (batch_id,), part in parts.items()
            if (error := _raised(part, expectation)) is not None
        }
        if raised:
            return _error(loaded, expectation, raised)
    return None


def _raised(records: pl.DataFrame, expectation: Expectation) -> Exception | None:
    try:
        judge(records, [expectation])
    except Exception as error:
        if as_error(expectation.name, error) is not None:
            raise
        return error
    return None


def _error(loaded: Loaded, expectation: Expectation, raised: dict[str, Exception]) -> PermanentError:
    word, error = loaded.source.batch_word, next(iter(raised.values()))
    return PermanentError(
        f"expectation {expectation.name} failed on {word} {', '.join(raised)}",
        where=loaded.table.name,
        expected="a condition that is true, false or null of every record",
        found=f"{type(error).__name__}: {first_line(error)}",
        do="correct the condition: null where it cannot be computed, such as "
        "nw.when(nw.col(...).str.contains(...)).then(nw.col(...)).cast(...); or, while it waits, "
        f"reject the {word} in the run config",
        export_id=next(iter(raised)) if len(raised) == 1 else None,
    )
