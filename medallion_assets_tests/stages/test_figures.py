"""Figures stay readable, whatever items hold."""

from __future__ import annotations

from medallion_assets.stages.figures import as_table, counts, markdown_table


def test_a_table_of_rows_stays_readable() -> None:
    """Long values are cut; a bar or a new line does not break the table."""
    rows = [{"name": "a|b\nc", "raw": "x" * 500}, {"name": None, "raw": 1}]
    shown = as_table(rows)
    assert shown.names == ["name", "raw"]
    assert shown.records == ({"name": "a|b c", "raw": f"{'x' * 119}…"}, {"name": "", "raw": "1"})
    assert as_table([]).names == []
    head, _, first, second = markdown_table(rows).splitlines()
    assert head == "| name | raw |"
    assert first == f"| a\\|b c | {'x' * 119}… |"
    assert second == "|  | 1 |"
    assert markdown_table([]) == "no rows"


def test_counts_begin_with_the_largest() -> None:
    assert counts({"b": 2, "c": 1000, "a": 2}) == "c: 1,000, a: 2, b: 2"
    assert counts({}) == "none"
