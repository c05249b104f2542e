"""When the fork server does nothing, and says that it is well."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from medallion_assets.orchestration.runs.forks import server


class AtRestError(Exception):
    """Told instead of resting for ever."""


def test_it_rests_where_it_cannot_listen_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rest(_well: Callable[[bytes], None]) -> None:
        raise AtRestError

    monkeypatch.setattr(server, "rest", rest)
    monkeypatch.setattr(server, "Imported", lambda module: SimpleNamespace(module=module, failure=None))
    with pytest.raises(AtRestError):
        server.main(tmp_path / "missing", "shop.definitions", lambda _: None)
    assert capsys.readouterr().err.count("it cannot listen below") == 1


def test_it_is_possible_only_where_threads_are_told(tmp_path: Path) -> None:
    assert server.is_possible(tmp_path)
    assert not server.is_possible(tmp_path / "missing")


def test_python_does_not_warn_of_threads_that_were_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As 3.12 and later do; a warning would be in the log of the deployment for each run."""

    def warns() -> int:
        warnings.warn("multi-threaded, use of fork() may lead to deadlocks", DeprecationWarning, stacklevel=2)
        return 7

    monkeypatch.setattr(os, "fork", warns)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert server.fork() == 7
