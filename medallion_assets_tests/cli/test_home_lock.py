"""The lock of a home: held by whoever lives, freed by whoever dies, and a note that was left behind holds nothing."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from medallion_assets.cli.home_lock import LOCK, Holder, only_one
from medallion_assets.errors import PermanentError

HOLD = """
import subprocess, sys, time
from pathlib import Path
from medallion_assets.cli.home_lock import only_one
with only_one(Path(sys.argv[1]), "medallion dev") as lock:
    if sys.argv[2:]:
        child = subprocess.Popen(["sleep", "600"], pass_fds=(lock,), stdout=subprocess.DEVNULL)
        print(child.pid, flush=True)
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def another(home: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Another process that holds the lock, and what it said before."""
    with subprocess.Popen([sys.executable, "-c", HOLD, home, *more], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = [line.strip() for line in iter(process.stdout.readline, "held\n")]
            yield process, said
        finally:
            process.kill()


def test_another_that_lives_is_named(tmp_path: Path) -> None:
    """Its process, whose it is, since when, and how it is ended; then the home is free."""
    with another(tmp_path) as (process, _):
        with pytest.raises(PermanentError) as refused, only_one(tmp_path, "medallion dev"):
            pass
        process.terminate()
        process.wait()
    said = str(refused.value)
    assert f"process {process.pid} (medallion dev) of {getpass.getuser()}" in said
    for words in (f"cannot use {tmp_path}", "started at 20", f"kill {process.pid}", "set MEDALLION_HOME"):
        assert words in said
    with only_one(tmp_path, "medallion demo"):
        pass


def test_a_kill_frees_the_home_at_once(tmp_path: Path) -> None:
    with another(tmp_path) as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait()
        with only_one(tmp_path, "medallion dev", patience=0):
            pass


def test_what_a_killed_one_started_still_holds_the_home(tmp_path: Path) -> None:
    """The message says that the one who took it is gone."""
    with another(tmp_path, "with a child") as (process, said):
        process.kill()
        process.wait()
        try:
            refused = pytest.raises(
                PermanentError, match="it was killed, and processes that it started are still running"
            )
            with refused, only_one(tmp_path, "medallion dev", patience=0):
                pass
        finally:
            os.kill(int(said[0]), signal.SIGKILL)
        with only_one(tmp_path, "medallion dev", patience=10):
            pass


@pytest.mark.parametrize("note", ["", "nonsense", "own"])
def test_a_note_that_was_left_behind_holds_nothing(tmp_path: Path, note: str) -> None:
    """Not even one that names a process which lives."""
    own = json.dumps(vars(Holder.of_this_process("medallion dev")))
    (tmp_path / LOCK).write_text(own if note == "own" else note)
    with only_one(tmp_path, "medallion dev"):
        pass


def test_a_process_id_that_was_given_to_another_is_told_from_its_first_owner() -> None:
    here = Holder.of_this_process("medallion dev")
    earlier = Holder(**{**vars(here), "began": here.began - 60})
    elsewhere = Holder(**{**vars(earlier), "host": "another host"})
    assert (here.is_gone, earlier.is_gone, elsewhere.is_gone) == (False, True, False)


def test_an_account_without_a_name_takes_a_home_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a number for its user."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert Holder.of_this_process("medallion dev").user == str(os.getuid())
