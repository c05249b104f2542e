"""What the benchmark of throughput reads, and what it compares; nothing is measured here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from benchmarks import measuring, throughput
from benchmarks.measuring import Cost


@pytest.fixture(autouse=True)
def an_empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measuring, "CACHE", tmp_path)


@pytest.mark.parametrize(("every", "expected"), [(1_000, {1: 2_496, 2: 4}), (1, {2: 2_500})])
def test_every_so_manyth_item_of_a_file_is_there_twice(every: int, expected: dict[int, int]) -> None:
    files = throughput._data_files(throughput.full_export(2_500, 2, twice_every=every))
    lines = [line for file in files for line in pl.scan_lines(file, glob=False).collect().to_series()]
    assert Counter(Counter(lines).values()) == expected


def test_silver_is_compared_with_no_templates_however_many_layouts_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one layout too: the usual one."""

    def no_work(stage: Callable[..., None], _: Sequence[str]) -> Cost:
        return Cost(wall_seconds=1.0, cpu_seconds=2.0 if stage is throughput.silver_decoded else 1.0, peak_mb=1.0)

    monkeypatch.setattr(measuring, "in_fresh_process", no_work)
    lines = [line for line in throughput._of_layouts(40, lambda _: None) if "without templates" in line.what]
    assert [line.what.split(", ", 1)[1].partition(":")[0] for line in lines] == [
        "1 layout",
        "5 layouts",
        "50 layouts",
        "500 layouts",
    ]
    assert {(line.figure, line.at_most) for line in lines} == {(0.5, throughput.DECODED_AT_MOST)}
