"""What commands print: pages, and commands to type next."""

from __future__ import annotations

import pytest

from medallion_assets.cli.terminal import PIPE_WIDTH, Terminal, command_line


def test_a_command_to_type_is_whole_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    """One that is cut off cannot be copied."""
    command = "export MEDALLION_PIPELINES=" + "x" * PIPE_WIDTH
    with Terminal(as_json=False) as terminal:
        terminal.answer({}, lambda: command_line(command, "which pipelines"))
    assert f"  {command}  # which pipelines\n" == capsys.readouterr().out


def test_what_is_done_now_is_said_beside_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (False, True):
        with Terminal(as_json=as_json) as terminal:
            terminal.doing("starting Dagster")
    assert capsys.readouterr() == ("", "starting Dagster ...\n")
