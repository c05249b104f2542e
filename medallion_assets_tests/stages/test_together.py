"""Rule P6: how long a run waits for what another one builds."""

from __future__ import annotations

import pytest

from medallion_assets.stages.together import LOOK_AGAIN_SECONDS, MOMENT_SECONDS, MOST_SECONDS, wait_until_none
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
