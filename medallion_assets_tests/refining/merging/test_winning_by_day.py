"""A full export over a table, compared by day: what wins is what wins by comparing it with the whole table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.delta.files.partitioned_files import write_partitions
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Bounds
from medallion_assets.errors import PermanentError
from medallion_assets.refining.merging import merge, winning_by_day
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import delete_line, item_line, transaction, upsert_line
from medallion_assets_tests.oracle.model import ExportInput, micros
from medallion_assets_tests.oracle.oracle import expected
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.planting import AT, HOUR, full_of, lake, refined, window_of

pytestmark = pytest.mark.own_engine
SILVER = pipeline.CUSTOMER_TRANSACTIONS
DAYS = [date(2025, 3, day) for day in (5, 6, 7)]
BOUNDS = Bounds(block_rows=2, group_rows=4, group_bytes=100_000, keys=2, held_of_day=1)
"""Of a few records there are several parts, and several groups of keys that are looked for."""


def sale(number: int, day: date | None = None, **attributes: Any) -> dict[str, Any]:
    at = {"S": f"{day or DAYS[number % len(DAYS)]}T20:00:00Z"}
    return transaction(f"t{number}", transaction_timestamp=at, **attributes)


def items(*numbers: int, **attributes: Any) -> list[str]:
    return [item_line(sale(number, **attributes)) for number in numbers]


FIRST = full_of(1, *items(*range(9)), at=AT)
CASES: dict[str, Sequence[ExportInput]] = {
    "nothing changed": [full_of(5, *items(*range(9)), at=AT + 4 * HOUR)],
    "values changed": [full_of(5, *items(*range(9), quantity={"N": "7"}), at=AT + 4 * HOUR)],
    "keys moved to other days, of them and new": [
        full_of(5, *(item_line(sale(number, DAYS[(number + 1) % 3])) for number in range(9)), at=AT + 4 * HOUR)
    ],
    "a day that was not there": [full_of(5, *items(*range(9), day=date(2025, 3, 1)), at=AT + 4 * HOUR)],
    "keys that are missing": [full_of(5, *items(0, 1, 2, 4, 5, 7), at=AT + 4 * HOUR)],
    "what is newer stays, in its day or another": [
        window_of(
            3,
            *(upsert_line(micros(AT + 2 * HOUR), sale(number, DAYS[0])) for number in (0, 1)),
            delete_line(micros(AT + 2 * HOUR), "t2"),
            length=3 * HOUR,
        ),
        full_of(2, *items(*range(9), quantity={"N": "3"}), at=AT + HOUR),
    ],
    "what was deleted before is there again": [
        window_of(3, *(delete_line(micros(AT + 2 * HOUR), f"t{number}") for number in range(6)), length=3 * HOUR),
        full_of(5, *items(*range(9)), at=AT + 4 * HOUR),
    ],
    "what came late is overruled by a full export that lacks it": [
        full_of(5, *items(*range(5)), at=AT + 4 * HOUR),
        full_of(3, *items(*range(4, 9), 30, 31, 32), at=AT + 2 * HOUR),
    ],
    "bad records say nothing": [
        full_of(5, *items(*range(5)), *items(5, 6, status={"S": "?"}), "no json", at=AT + 4 * HOUR)
    ],
}
QUICK = (
    "keys moved to other days, of them and new",
    "what is newer stays, in its day or another",
    "what came late is overruled by a full export that lacks it",
)


@pytest.fixture
def by_day(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each full export over a table was compared by day."""
    was: list[bool] = []

    def noted(*args: Any) -> Any:
        won = winning_by_day.win_by_day(*args)
        was.append(won is not None)
        return won

    monkeypatch.setattr(merge, "win_by_day", noted)
    return was


def outcome(lakehouse: Lakehouse, exports: Sequence[ExportInput]) -> tuple[list[Any], pl.DataFrame]:
    """What each said, and the rows with their days at the end."""
    refined(lakehouse, FIRST)
    said = [refined(lakehouse, export) for export in exports]
    rows = lakehouse.open(SILVER).scan().collect().sort("transaction_id")
    return [(sorted(done.restated), done.rows_changed) for done in said], rows


@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in CASES]
)
def test_it_is_the_same_as_with_the_whole_table(tmp_path: Path, by_day: list[bool], case: str) -> None:
    """Rows, restated days and counts."""
    found, rows = outcome(lake(tmp_path / "by day", BOUNDS), CASES[case])
    assert any(by_day)
    by_day.clear()
    said, held = outcome(lake(tmp_path / "in memory"), CASES[case])
    assert not any(by_day)
    assert (found, rows.rows()) == (said, held.rows())


@st.composite
def sales(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Of some keys a sale each, on any day."""
    numbers = draw(st.lists(st.integers(0, 8), unique=True, min_size=5))
    return [
        sale(number, draw(st.sampled_from(DAYS)), quantity={"N": str(draw(st.integers(1, 3)))}) for number in numbers
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[ExportInput]:
    """Full exports, and a window about all of them, in any order of arrival."""
    fulls = [full_of(number, *map(item_line, draw(sales())), at=AT + number * HOUR) for number in range(3)]
    moments = draw(st.permutations([minutes * 60 for minutes in range(20, 180, 20)]))[: draw(st.integers(2, 8))]
    lines = [
        upsert_line(micros(AT) + second * 1_000_000, changed)
        if draw(st.booleans())
        else delete_line(micros(AT) + second * 1_000_000, changed["transaction_id"]["S"])
        for second, changed in zip(moments, draw(sales()), strict=False)
    ]
    return draw(st.permutations([*fulls, window_of(3, *lines, length=3 * HOUR)]))


@pytest.mark.slow
@examples()
@given(history=histories())
def test_in_any_order_it_is_what_the_rules_say(history: list[ExportInput]) -> None:
    """K1 to K4, R3: where most full exports are compared by day."""
    with TemporaryDirectory() as folder:
        lakehouse = lake(Path(folder), BOUNDS)
        for export in history:
            refined(lakehouse, export)
        assert pipeline.rows(lakehouse, SILVER) == expected(history).silver_transactions


def test_only_keys_that_are_new_in_their_day_are_looked_for(
    tmp_path: Path, by_day: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among those that a day, or the tombstones, had alone."""
    sought: list[tuple[int, int]] = []

    def noted(frames: list[pl.DataFrame], *args: Any, **options: Any) -> Any:
        sought.append((frames[0].height, frames[1].height))
        return look_up(frames, *args, **options)

    look_up = winning_by_day._look_up
    monkeypatch.setattr(winning_by_day, "_look_up", noted)
    moves = item_line(sale(8, DAYS[0]))
    lakehouse = lake(tmp_path, BOUNDS)
    refined(lakehouse, FIRST)
    refined(lakehouse, full_of(5, *items(*range(7), 20), moves, at=AT + 4 * HOUR))
    assert any(by_day)
    assert [sum(heights) for heights in zip(*sought, strict=True)] == [2, 2]


def test_a_day_that_is_all_new_is_not_written_twice(
    tmp_path: Path, by_day: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows lie in files of the table's form; a day of which something stays, loses or is gone is written anew."""
    lakehouse = lake(tmp_path, BOUNDS)
    refined(lakehouse, FIRST)
    anew: list[date | None] = []
    copied: list[date | None] = []

    def noted(writing: Any, into: list[date | None]) -> Any:
        def write(folder: TableFolder, rows: Any, *, partition: date | None = None, **options: Any) -> Any:
            into.append(partition)
            return writing(folder, rows, partition=partition, **options)

        return write

    with monkeypatch.context() as patches:
        patches.setattr(TableFolder, "write", noted(TableFolder.write, anew))
        patches.setattr(TableFolder, "write_file", noted(TableFolder.write_file, copied))
        late = window_of(3, upsert_line(micros(AT + 5 * HOUR), sale(0, quantity={"N": "2"})), length=6 * HOUR)
        refined(lakehouse, late)
        anew.clear()
        refined(lakehouse, full_of(5, *items(*range(7), 8, quantity={"N": "7"}), at=AT + 4 * HOUR))
    assert any(by_day)
    assert (set(copied), set(anew) & set(DAYS)) == ({DAYS[1], DAYS[2]}, {DAYS[0]})
    assert lakehouse.open(SILVER).scan().filter(~pl.col("is_deleted")).collect().height == 8


def test_a_row_that_is_not_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is committed of a pass that wrote less than was counted."""

    def lossy(rows: pl.LazyFrame, *args: Any, **options: Any) -> list[Any]:
        return write_partitions(rows.filter(pl.col("transaction_id") != "t4"), *args, **options)

    lakehouse = lake(tmp_path, BOUNDS)
    refined(lakehouse, FIRST)
    monkeypatch.setattr(winning_by_day, "write_partitions", lossy)
    with pytest.raises(PermanentError, match=f"expected: 3 rows of {DAYS[1]}; found: 2 of {DAYS[1]}"):
        refined(lakehouse, full_of(5, *items(*range(9)), at=AT + 4 * HOUR))
    assert lakehouse.open(SILVER).scan().collect()["_export_id"].n_unique() == 1
