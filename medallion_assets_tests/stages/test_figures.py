"""Figures stay readable, whatever items hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from medallion_assets.contracts.coverage import NOTHING, UNKNOWN, Coverage
from medallion_assets.stages.figures import as_table, completeness_figures, counts, markdown_table


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


NOON = datetime(2025, 3, 9, 12, tzinfo=UTC)


def test_days_are_complete_when_all_of_them_are() -> None:
    """V6: where nobody says how far one of them reaches, it is left out whether they are."""
    first, second = date(2025, 3, 8), date(2025, 3, 9)
    whole, part = (Coverage(NOON), NOON), (Coverage(NOON), NOON + timedelta(hours=1))
    assert completeness_figures({first: whole}) == {
        "sources_covered_until": "2025-03-09T12:00:00+00:00",
        "is_complete": True,
        "provisional_days": [],
    }
    some = completeness_figures({second: part, first: whole})
    assert (some["is_complete"], some["provisional_days"]) == (False, ["2025-03-09"])
    nothing = completeness_figures({first: (NOTHING, NOON)})
    assert (nothing["is_complete"], nothing["sources_covered_until"]) == (False, "nothing")
    unknown = completeness_figures({first: whole, second: (UNKNOWN, NOON)})
    assert ("is_complete" in unknown, unknown["provisional_days"]) == (False, [])
    assert "is_complete" not in completeness_figures({})
