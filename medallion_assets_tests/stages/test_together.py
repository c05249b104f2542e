"""Rule P6: how long a run waits for what another one builds, and how much it reads to see that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE
from medallion_assets.stages.together import (
    LOOK_AGAIN_SECONDS,
    MOMENT_SECONDS,
    MOST_SECONDS,
    OtherRuns,
    companions,
    holding_back,
    wait_until_none,
)
from medallion_assets_tests.orchestration.sensors.restated_days import plant
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.publishing.fake_clock import FakeClock

BEGAN = FakeClock()()
WAITS = ["gold.customer_ltv lacks 2025-03-09"]


def waited(clock: FakeClock, *, there_after: float = 1e9, built_until: float = 1e9, patience: float = 30.0) -> bool:
    """Whether what is missing came in time; it comes `there_after` seconds, and is built until then."""
    return not wait_until_none(
        lambda: WAITS if clock() - BEGAN < there_after else [],
        is_built=lambda: clock() - BEGAN < built_until,
        patience_seconds=patience,
        clock=clock,
        sleep=clock.sleep,
    )


@pytest.mark.parametrize("there_after", [0.0, 0.1, 3.2, MOST_SECONDS - LOOK_AGAIN_SECONDS])
def test_what_a_run_builds_is_seen_within_half_a_second(there_after: float) -> None:
    clock = FakeClock()
    assert waited(clock, there_after=there_after)
    assert clock() - BEGAN < there_after + LOOK_AGAIN_SECONDS


@pytest.mark.parametrize(
    ("built_until", "patience", "expected"),
    [
        (0.0, 30.0, MOMENT_SECONDS),
        (4.0, 30.0, 4.0),
        (1e9, 30.0, MOST_SECONDS),
        (1e9, 0.0, 0.0),
    ],
    ids=["nobody builds it", "who built it failed", "it takes long", "nothing is ever waited for"],
)
def test_a_run_that_waits_in_vain_gives_its_place_back(built_until: float, patience: float, expected: float) -> None:
    clock = FakeClock()
    assert not waited(clock, built_until=built_until, patience=patience)
    assert clock() - BEGAN == expected


@pytest.mark.slow
def test_what_is_read_grows_neither_with_the_days_nor_with_older_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few commits of each log, for all days and all questions."""
    history, read = Snapshot.history, list[int]()

    def counting(snapshot: Snapshot, limit: int) -> list[dict[str, Any]]:
        found = history(snapshot, limit)
        read.append(len(found))
        return found

    def read_for(lakehouse: Lakehouse, wanted: Sequence[date]) -> int:
        read.clear()
        audited = list[tuple[date, int]]()

        def found_right(_: Snapshot, day: date, version: int) -> bool:
            audited.append((day, version))
            return day != days[-1]

        others = OtherRuns(found_right=found_right)
        with monkeypatch.context() as patched:
            patched.setattr(Snapshot, "history", counting)
            found = companions(lakehouse, [DAILY_SALES], beside=LIFETIME_VALUE, others=others)
            held_back = [f"the audit of gold.daily_sales_summary has not found {days[-1]} right"]
            assert list(holding_back(found, wanted)) == (held_back if days[-1] in wanted else [])
        latest = lakehouse.open(DAILY_SALES.table).version
        assert audited == [(day, latest - days[::-1].index(day)) for day in wanted], "each is judged once"
        return sum(read)

    days = [date(2025, 5, 1) + timedelta(days=count) for count in range(12)]
    lakehouse = sold(lakehouse_at(tmp_path), days, older_commits=500)
    assert read_for(lakehouse, days) == read_for(lakehouse, days[:1]) < 250


def sold(lakehouse: Lakehouse, days: Sequence[date], older_commits: int) -> Lakehouse:
    """Each of some days built by a commit of its own, after others."""
    plant(lakehouse, dict.fromkeys(days, "10"))
    for gold in (DAILY_SALES, LIFETIME_VALUE):
        first = lakehouse.ready(gold.table).version + 1
        log = Path(lakehouse.uri(gold.table), "_delta_log")
        for version in range(first, first + older_commits):
            commit = {"commitInfo": {"timestamp": 1_746_000_000_000, "operation": "OPTIMIZE"}}
            (log / f"{version:020}.json").write_text(json.dumps(commit))
    for day in days:
        build(lakehouse, DAILY_SALES, [day])
        build(lakehouse, LIFETIME_VALUE, [day])
    return lakehouse
