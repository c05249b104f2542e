"""Tables that hold what is so now, and nothing else."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.monitoring import DATA_FRESHNESS, Freshness, replace_rows
from medallion_assets_tests.pipeline import lakehouse_at


def row(table: str, rows: int) -> Freshness:
    return Freshness(table=table, last_refreshed=None, row_count=rows, sla_hours=None, is_stale=False)


def held(lakehouse: Lakehouse) -> dict[str, int]:
    return dict(lakehouse.open(DATA_FRESHNESS).scan().select("table", "row_count").collect().rows())


def test_rows_are_replaced_as_a_whole(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    versions = [replace_rows(lakehouse, DATA_FRESHNESS, [row("a.b", 1), row("c.d", 2)])]
    assert held(lakehouse) == {"a.b": 1, "c.d": 2}
    versions.append(replace_rows(lakehouse, DATA_FRESHNESS, [row("c.d", 3)]))
    assert held(lakehouse) == {"c.d": 3}
    assert versions == [1, 2]
    assert lakehouse.open(DATA_FRESHNESS).files.height == 1


def test_the_same_rows_leave_no_commit(tmp_path: Path) -> None:
    """The monitor runs every few minutes, for years."""
    lakehouse, rows = lakehouse_at(tmp_path), [row("a.b", 1), row("c.d", 2)]
    assert [replace_rows(lakehouse, DATA_FRESHNESS, each) for each in (rows, rows[::-1], rows)] == [1, 1, 1]


def test_two_monitors_at_once_leave_one_answer(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    replace_rows(lakehouse, DATA_FRESHNESS, [row("a.b", 0)])
    monitors = [
        Thread(target=replace_rows, args=(lakehouse, DATA_FRESHNESS, [row("a.b", number)])) for number in (1, 2)
    ]
    for monitor in monitors:
        monitor.start()
    for monitor in monitors:
        monitor.join()
    assert held(lakehouse) in ({"a.b": 1}, {"a.b": 2})
    assert lakehouse.open(DATA_FRESHNESS).version == 3
