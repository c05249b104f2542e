"""What commands print: pages, and commands to type next."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import typer

from medallion_assets.cli.terminal import PIPE_WIDTH, Terminal, command_line
from medallion_assets.errors import PermanentError


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


def test_commands_of_an_error_are_as_they_are_typed_on_the_host(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON has the error as it is."""
    monkeypatch.setenv("MEDALLION_COMMAND_PREFIX", "deploy/as-medallion")
    for as_json in (False, True):
        with pytest.raises(typer.Exit), Terminal(as_json=as_json):
            raise PermanentError("it is broken", do="run `medallion verify`")
    said = capsys.readouterr()
    assert "what to do: run `deploy/as-medallion medallion verify`" in said.err
    assert '"do": "run `medallion verify`"' in said.out


def test_the_place_of_an_error_stands_before_it_and_is_a_key_of_its_json(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (False, True):
        with pytest.raises(typer.Exit), Terminal(as_json=as_json):
            raise PermanentError("no rows", where="silver.t", found="none")
    said = capsys.readouterr()
    assert "silver.t: no rows" in said.err
    error = json.loads(said.out)["error"]
    assert list(error) == ["kind", "what", "where", "expected", "found", "do"]
    assert (error["what"], error["where"]) == ("no rows", "silver.t")


@pytest.mark.parametrize("held", [b"no data", None], ids=["damaged", "gone"])
def test_a_damaged_data_file_is_one_message_that_says_what_finds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], held: bytes | None
) -> None:
    if held is not None:
        (tmp_path / "part.parquet").write_bytes(held)
    with pytest.raises(typer.Exit), Terminal(as_json=False):
        pl.scan_parquet(tmp_path / "part.parquet").collect()
    said = capsys.readouterr().err
    assert ("medallion verify --digests" in said, "Traceback" in said) == (True, False)
