"""How many items a cluster is given at a time, by what its session says, which is stood in for: none is so large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from medallion_assets.engines.spark.cores import cores
from medallion_assets.engines.spark.engine import SparkEngine

DYNAMIC = {"spark.dynamicAllocation.enabled": "true", "spark.executor.cores": "4"}


@dataclass(eq=False)
class Session:
    """A classic one, with so many cores now."""

    now: int
    conf: Mapping[str, str] = field(default_factory=dict)

    @property
    def _sc(self) -> Any:
        return SimpleNamespace(defaultParallelism=self.now)


@pytest.mark.parametrize(
    ("now", "conf", "expected"),
    [
        (1, {}, 2),
        (96, {}, 96),
        (2, {"spark.executor.instances": "8", "spark.executor.cores": "4"}, 32),
        (2, {"spark.executor.instances": "8"}, 8),
        (8, {**DYNAMIC, "spark.dynamicAllocation.maxExecutors": "50"}, 200),
        (8, {**DYNAMIC, "spark.dynamicAllocation.maxExecutors": "infinity"}, 8),
        (8, {**DYNAMIC, "spark.dynamicAllocation.maxExecutors": "2147483647"}, 8),
    ],
)
def test_what_there_is_or_may_be(now: int, conf: dict[str, str], expected: int) -> None:
    assert cores(Session(now, conf)) == expected


def test_a_very_large_cluster_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is handed each answer."""
    monkeypatch.setattr("medallion_assets.engines.spark.engine.session", lambda _: Session(100_000))
    assert SparkEngine().processes == 1000


def test_the_shared_session_has_two(spark: SparkEngine) -> None:
    assert spark.processes == 2
