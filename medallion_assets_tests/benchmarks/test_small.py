"""Benchmarks whose figures are in docs/benchmarks.md run at all: here on few rows, whatever these take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import large_items, measuring, months, scrub, small_files, throughput, trigger_tick, upsert
from benchmarks.damages import DAMAGES
from benchmarks.measuring import Cost, Line

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def an_empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measuring, "CACHE", tmp_path)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a process for each measurement would be most of what these tests take."""

    def here(work: Callable[..., None], arguments: Sequence[Any]) -> Cost:
        work(*arguments)
        return Cost(wall_seconds=1.0, cpu_seconds=1.0, peak_mb=1.0)

    monkeypatch.setattr(measuring, "in_fresh_process", here)


def test_ticks() -> None:
    assert {line.benchmark for line in trigger_tick.run(50)} == {"trigger tick"}


def test_upserts() -> None:
    assert {line.benchmark for line in upsert.run(20_000)} == {"upsert"}


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    ("run", "benchmark"),
    [
        (lambda: throughput.run(2_000), "throughput"),
        (lambda: small_files.run(records=2_000, files=40), "small files"),
        (lambda: large_items.run(items=(2, 4, 8)), "large items"),
        (lambda: months.limits(months.curve(2_000, lambda _: None)), "months"),
    ],
    ids=["throughput", "small_files", "large_items", "months"],
)
def test_stages(run: Callable[[], list[Line]], benchmark: str) -> None:
    assert {line.benchmark for line in run()} == {benchmark}


def test_every_damage_is_found() -> None:
    lines = scrub.run(times=1, large_rows=100)
    found = [line for line in lines if line.what.endswith(": found") and line.at_least is not None]
    assert len(found) == len(DAMAGES) + 2  # bits, and Bronze made again
    assert [line for line in found if not line.holds or line.figure == 0] == []
    assert "one key of 100 files, Polars scan_delta: files read" in {line.what for line in lines}
