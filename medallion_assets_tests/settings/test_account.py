"""The account where no person is named."""

from __future__ import annotations

import pytest

from medallion_assets.settings.account import account


def test_an_account_is_said_as_such_also_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container with a user id of its own the system knows no name."""
    monkeypatch.setattr("socket.gethostname", lambda: "lake-1")
    monkeypatch.setattr("getpass.getuser", lambda: "operator")
    assert account() == "account operator on lake-1"

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert account() == "account 4711 on lake-1"
