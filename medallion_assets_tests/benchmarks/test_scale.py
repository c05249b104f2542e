"""What the benchmark of scale refuses before it measures anything."""

from __future__ import annotations

import shutil

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.scale import main


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
