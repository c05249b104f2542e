"""Messages of a remote process: each is there before the next thing happens, whatever cuts it off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from dagster_pipes import PipesMessage

from medallion_assets.remote.pipes import open_pipes
from medallion_assets.remote.place import REQUEST, RemotePlace, message_name

Write = Callable[[RemotePlace, str, Mapping[str, Any]], None]


class CutOffError(BaseException):
    """What a signal's handler raises."""


@pytest.mark.parametrize("is_written", [True, False])
def test_a_message_that_a_signal_cuts_off_has_its_number_if_it_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_written: bool
) -> None:
    place = RemotePlace(str(tmp_path))
    place.write_once(REQUEST, {"extras": {}})
    write: Write = RemotePlace.write_once

    def cut_off(self: RemotePlace, name: str, said: Mapping[str, Any]) -> None:
        if is_written:
            write(self, name, said)
        raise CutOffError

    pipes = open_pipes(place)
    channel = pipes._message_channel
    before = channel.written
    with monkeypatch.context() as patched:
        patched.setattr(RemotePlace, "write_once", cut_off)
        with pytest.raises(CutOffError):
            channel.write_message(cast("PipesMessage", {"said": "cut off"}))
    channel.write_message(cast("PipesMessage", {"said": "next"}))
    expected = [{"said": "cut off"}, {"said": "next"}] if is_written else [{"said": "next"}]
    assert [place.read(message_name(before + number)) for number in range(1, len(expected) + 1)] == expected
    pipes.close()
