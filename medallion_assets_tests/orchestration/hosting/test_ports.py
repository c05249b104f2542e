"""What is no port is said before a server starts, and where one is reached that listens at an address."""

from __future__ import annotations

import pytest

from medallion_assets.errors import SettingsError
from medallion_assets.orchestration.hosting.ports import port_of, reached_at

SETTING = "MEDALLION_CODE_SERVER_PORT"


@pytest.mark.parametrize("value", ["70000", "0", "-5", "http", ""])
def test_a_port_that_is_none_is_named_with_its_setting(value: str) -> None:
    with pytest.raises(SettingsError, match=f"{SETTING} is {value}, which is not a port; expected: 1 to 65535"):
        port_of(SETTING, value)


def test_a_port_is_a_number() -> None:
    assert [port_of(SETTING, value) for value in ("1", "4266", "65535")] == [1, 4266, 65_535]


def test_a_server_that_listens_everywhere_is_reached_at_this_machine() -> None:
    hosts = ["127.0.0.1", "0.0.0.0", "::", "::1", "fd00::7", "ui.example"]
    expected = ["127.0.0.1:3000", "127.0.0.1:3000", "[::1]:3000", "[::1]:3000", "[fd00::7]:3000", "ui.example:3000"]
    assert [reached_at(host, 3000) for host in hosts] == expected
