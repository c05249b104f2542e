"""The arithmetic for very large tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

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
    said = {what: (how, *gives) for what, how, *gives in lines(Load(), {"polars": costs, "spark": costs})}
    assert said["items"][0].endswith(" = 1,000 M")
    assert said["full export, Silver"] == ("4,000 M rows", *["x 9.0 s = 10.00 core hours"] * 2)
    assert said["full export"][1:] == ("11.11 core hours", "11.11 core hours, 21 minutes")
    assert said["1% changed, looking for their keys"][0] == "10 M keys: 10 passes over 1,000 M"
    assert said["1% changed"][1:] == ("0.50 core hours", "0.50 core hours, 1 minutes")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps({"results": [figures(2_000_000, 12)]}), "no figures of polars"),
        ("{}", "is not what"),
        ("{", "is not what"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "scale.json"
    file.write_text(text)
    with pytest.raises(typer.BadParameter, match=said):
        main(figures=file)


def test_what_grows_with_parts_times_days_is_beside_the_cpu() -> None:
    """A cluster does not make it less, so nothing adds it to what one takes."""
    costs = Costs(full=dict.fromkeys(STAGES, 1.0), window=2.1)
    said = {what: (how, *gives) for what, how, *gives in lines(Load(), {"spark": costs})}
    full, changed = said["full export, openings"], said["1% changed, openings"]
    assert full[0] == "39,737 parts x 1,000 days, 7 at a time"
    assert full[1] == "5.7 M, 1.6 hours at 2,000 requests a second"
    assert changed[0] == "398 parts x 100 days, 1 at a time"
    assert said["Gold as of days"][1] == "6 GB in the driver"


def test_parts_have_a_bounded_number_of_rows_and_of_bytes() -> None:
    """Of short lines their number counts, of long ones their bytes."""
    assert Load(table_bytes=1e10, item_bytes=100).parts(1) == 800
    assert Load(table_bytes=1e10, item_bytes=10_000).parts(1) == 398
