"""The arithmetic for very large tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.projection import STAGES, Costs, Load, lines, main, slopes


def figures(rows: int, cpu: float) -> dict[str, Any]:
    """Every stage of a full export took the same, and so did every stage of a window, a tenth of that."""
    full = {stage: {"cpu_seconds": {"driver": cpu / 2, "worker": cpu / 2}} for stage in STAGES}
    window = {f"changes, {stage}": {"cpu_seconds": {"driver": cpu / 10}} for stage in STAGES}
    return {"contestant": "spark", "rows": rows, "watched": {"stages": {**full, **window}}}


def test_what_starting_took_is_in_no_slope() -> None:
    """A second a million rows, beside ten seconds that every size takes."""
    costs = slopes([figures(2_000_000, 12), figures(500_000, 10.5), figures(10_000_000, 20)])
    assert costs.full == pytest.approx(dict.fromkeys(STAGES, 1.0))
    assert costs.window == pytest.approx(0.4)
    assert costs.rewritten == pytest.approx(0.4 - 0.1 * 2 - 0.1)


def test_of_one_size_all_that_it_took_counts() -> None:
    assert slopes([figures(2_000_000, 12)]).full["Silver"] == pytest.approx(6.0)


def test_a_terabyte_of_which_a_hundredth_changes() -> None:
    costs = Costs(full={"Bronze": 1, "Silver": 9, "enriched": 0, "Gold": 0}, window=2.1, look=0.1)
    said = {what: (how, gives) for what, how, gives in lines(Load(), costs)}
    assert said["items"][1] == "1,000 M"
    assert said["full export"][1] == "11.11 core hours, 21 minutes"
    assert said["1.0% changed, looking for their keys"][0] == "10 passes over 1,000 M keys x 0.1 s"
    assert said["1.0% changed"][1] == "0.50 core hours, 1 minutes"


@pytest.mark.parametrize("text", [None, "", "{", "{}", "[]", '{"results": [{"contestant": "spark"}]}'])
def test_a_file_that_scale_has_not_printed_is_refused(tmp_path: Path, text: str | None) -> None:
    app = typer.Typer()
    app.command()(main)
    file = tmp_path / "scale.json"
    if text is not None:
        file.write_text(text)
    done = CliRunner().invoke(app, [str(file)])
    assert (done.exit_code, "Invalid value" in done.stderr) == (2, True), done.stderr
    file.write_text(json.dumps({"results": [figures(500_000, 10), figures(2_000_000, 20)]}))
    assert CliRunner().invoke(app, [str(file)]).exit_code == 0
