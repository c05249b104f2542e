"""How the demo looks in a terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from medallion_assets.cli.demo.view import DemoView


def test_commands_of_a_note_are_as_they_are_typed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate's message says what to type next."""
    monkeypatch.setenv("MEDALLION_COMMAND_PREFIX", "deploy/as-medallion")
    out = StringIO()
    DemoView(console=Console(file=out, width=200)).note("held; what to do: `medallion quarantine show [t] --held e1`")
    assert out.getvalue().strip() == "held; what to do: `deploy/as-medallion medallion quarantine show [t] --held e1`"
