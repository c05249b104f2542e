"""The status as sections, in a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from medallion_assets.cli.pages.section import section_page
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.sections import Grid, Row, Section
from medallion_assets.operations.status_sections import status_sections
from medallion_assets_tests.operations.dashboard.dashboard_page import NOW, plant
from medallion_assets_tests.pipeline import lakehouse_at


def in_terminal(section: Section) -> str:
    out = io.StringIO()
    Console(file=out, width=400, force_terminal=True, color_system="standard").print(section_page(section))
    return out.getvalue()


def test_the_terminal_shows_every_cell(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    plant(lakehouse)
    facts = read_facts(lakehouse, NOW)
    sections = status_sections(facts.status)
    assert [section.title for section in sections] == ["Freshness", "Stages", "Progress", "Incidents", "Alerts"]
    assert any(section.note for section in sections)
    for section in sections:
        shown = in_terminal(section)
        for row in section.grid.rows:
            assert all(cell in shown for cell in row.cells)
        assert not section.grid.rows or section.note in shown


@pytest.mark.parametrize("is_bad", [True, False])
def test_a_bad_row_stands_out(is_bad: bool) -> None:
    grid = Grid(("table", "rows"), [Row(("gold.t", "[7]"), is_bad=is_bad)], figures=frozenset({"rows"}))
    shown = in_terminal(Section(title="Section", nothing="none", grid=grid))
    assert "[7]" in shown
    assert ("\x1b[1;31m" in shown) == is_bad


def test_a_section_without_rows_says_so() -> None:
    section = Section(title="Alerts", nothing="No alerts.", grid=Grid(("what",), []))
    assert "No alerts." in in_terminal(section)
