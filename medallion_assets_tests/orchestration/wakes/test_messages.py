"""What wakes sensors is said to whoever hears it, and fails for nobody; what makes no sense is no message."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from medallion_assets.orchestration.wakes.messages import LONGEST_BYTES, Message, is_heard, listen, read, wake


def test_what_is_said_is_heard_each_time(tmp_path: Path) -> None:
    with listen(tmp_path) as listener:
        for _ in range(2):
            wake(tmp_path, {"b", "a"}, after_seconds=1)
        heard = [read(listener.recv(LONGEST_BYTES)) for _ in range(2)]
    assert heard == [Message(sensors=("a", "b"), after_seconds=1)] * 2


def test_who_is_heard_by_nobody_goes_on(tmp_path: Path) -> None:
    wake(tmp_path, ["sales"])
    wake(tmp_path / "no folder", ["sales"])
    assert not is_heard(tmp_path)


def test_who_hears_nothing_any_more_holds_up_nobody(tmp_path: Path) -> None:
    """The kernel keeps so many datagrams, and lets the next one wait."""
    with listen(tmp_path) as listener:
        for _ in range(600):
            wake(tmp_path, ["sales"], room_seconds=0.001)
        listener.setblocking(False)
        kept = 0
        with suppress(BlockingIOError):
            while listener.recv(LONGEST_BYTES):
                kept += 1
    assert 0 < kept < 600, "there was room for all: nobody had to wait"


def test_a_socket_that_a_killed_process_left_hears_nothing_and_is_replaced(tmp_path: Path) -> None:
    listen(tmp_path).close()
    assert not is_heard(tmp_path)
    wake(tmp_path, ["sales"])
    with listen(tmp_path):
        assert is_heard(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no JSON",
        b"\xff",
        b"[1]",
        b'{"version": 1, "sensors": "sales", "after_seconds": 0}',
        b'{"version": 1, "sensors": ["sales"], "after_seconds": null}',
        b'{"version": 1, "sensors": ["sales"], "after_seconds": 1e9}',
        b'{"version": 1, "sensors": ["sales"], "after_seconds": NaN}',
        b'{"version": 2, "sensors": ["sales"], "after_seconds": 0}',
    ],
)
def test_what_makes_no_sense_is_no_message(text: bytes) -> None:
    assert read(text) is None
