"""What the benchmark of scale refuses before it measures anything, and what it expects of Polars."""

from __future__ import annotations

import shutil

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.contestants import CHANGED, STAGES
from benchmarks.scale import Result, goals, main
from benchmarks.watching import Cost, Watched


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--rows", "abc"], "expected numbers of rows"),
        (["--rows", "0"], "expected at least one row"),
        (["--engines", "duck"], "unknown: duck"),
        (["--engines", "polars,spark"], "spark cannot run"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, options: list[str], says: str
) -> None:
    """Spark without Java; a child's trace would say it, after the others were measured."""
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    app = typer.Typer()
    app.command()(main)
    done = CliRunner().invoke(app, options, env={"TERMINAL_WIDTH": "200"})
    assert (done.exit_code, says in done.stderr) == (2, True), done.stderr


def result(contestant: str, whole: float, window: float, *, rows: int = 2_000_000, changes: int = 100_000) -> Result:
    """What a contestant took in its first stage, and in the same of a window."""
    seconds = {STAGES[0]: whole, CHANGED + STAGES[0]: window}
    stages = {name: Cost(seconds=took, cpu_seconds={}, peak_mb={}) for name, took in seconds.items()}
    return Result(contestant=contestant, rows=rows, changes=changes, watched=Watched(stages=stages, answer=1))


@pytest.mark.parametrize(
    ("whole", "window", "holds"),
    [(25, 12, [True, True]), (26, 12, [False, True]), (25, 13, [True, False])],
)
def test_polars_takes_a_quarter_of_the_guidance_and_less_of_a_window(
    whole: float, window: float, holds: list[bool]
) -> None:
    """0.25 and 0.12 of it, on 2 million rows and 100,000 changes."""
    lines = [line for line in goals([result("polars", whole, window), result("iceberg", 100, 100)]) if line.limit]
    beside = [line for line in lines if line.what.endswith("polars / iceberg")]
    assert [line.holds for line in beside] == holds


@pytest.mark.parametrize(
    ("peer", "size", "limits"),
    [
        ("iceberg", {}, [0.25, 0.12]),
        ("iceberg", {"changes": 200_000}, [0.25, None]),
        ("iceberg", {"rows": 500_000}, [None, None]),
        ("delta", {}, [None, None]),
    ],
)
def test_only_the_size_that_they_are_meant_for_has_these_goals(
    peer: str, size: dict[str, int], limits: list[float | None]
) -> None:
    lines = goals([result("polars", 1, 1, **size), result(peer, 1, 1, **size)])
    assert [line.at_most for line in lines if line.what.endswith(f"polars / {peer}")] == limits
