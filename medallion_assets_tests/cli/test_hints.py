"""Hints fit the place they are printed in."""

from __future__ import annotations

from pathlib import Path

from medallion_assets.cli.hints import to_type


def test_there_is_no_make_where_there_is_no_makefile(tmp_path: Path) -> None:
    """Installed from a wheel the command is on the path; in the repository it is in the environment, or a target."""
    assert to_type("ui", make="ui", repository=tmp_path) == "medallion ui"
    assert to_type("status", repository=tmp_path) == "medallion status"
    (tmp_path / "Makefile").write_text("")
    assert to_type("ui", make="ui", repository=tmp_path) == "make ui"
    assert to_type("status", repository=tmp_path) == ".venv/bin/medallion status"
