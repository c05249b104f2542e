"""Benchmarks whose figures are in docs/benchmarks.md run at all: here on few rows, whatever these take."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import measuring, trigger_tick, upsert

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def an_empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in (measuring, upsert):
        monkeypatch.setattr(module, "CACHE", tmp_path)


def test_ticks() -> None:
    assert {line.benchmark for line in trigger_tick.run(50)} == {"trigger tick"}


def test_upserts() -> None:
    assert {line.benchmark for line in upsert.run(20_000)} == {"upsert"}
