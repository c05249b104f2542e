"""The socket of the fork server: for its account alone, below a folder of any length, and never in anybody's way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from medallion_assets.orchestration.runs.forks.messages import (
    NAME,
    ForeignMessageError,
    ForkAnswer,
    connect,
    hear,
    listen,
    say,
)


def test_what_is_said_is_heard_and_an_end_is_none(tmp_path: Path) -> None:
    with listen(tmp_path) as listener, connect(tmp_path, 60) as there:
        here, _ = listener.accept()
        said = ForkAnswer(pid=12, refusal="\udcff of no encoding, " * 1_000)
        say(here, said)
        assert hear(there, ForkAnswer) == said
        here.close()
        assert hear(there, ForkAnswer) is None


@pytest.mark.parametrize("text", [b'{"pid": 12, "refusal": ""}', b'{"version": 2, "process": 12}', b"[12]", b"no JSON"])
def test_a_message_of_another_release_is_none(tmp_path: Path, text: bytes) -> None:
    with listen(tmp_path) as listener, connect(tmp_path, 60) as there:
        here, _ = listener.accept()
        with here:
            here.sendall(len(text).to_bytes(8) + text)
            with pytest.raises(ForeignMessageError, match="not of version 2"):
                hear(there, ForkAnswer)


def test_the_socket_is_its_accounts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no other thread makes a folder that its account may not enter meanwhile: a umask is of the whole process."""
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail(f"umask {mask:o}"))
    with listen(tmp_path):
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_a_socket_that_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    listen(tmp_path).close()
    with pytest.raises(ConnectionRefusedError):
        connect(tmp_path, 60)
    with listen(tmp_path), connect(tmp_path, 60):
        assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_folder_may_have_a_long_name(tmp_path: Path) -> None:
    """The kernel takes some 100 bytes."""
    home = tmp_path / ("long" * 50)
    home.mkdir()
    with listen(home), connect(home, 60):
        assert (home / NAME).is_socket()
