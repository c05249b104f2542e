"""What is no port is said before a server starts."""

from __future__ import annotations

import pytest

from medallion_assets.errors import SettingsError
from medallion_assets.orchestration.hosting.ports import port_of

SETTING = "MEDALLION_CODE_SERVER_PORT"


@pytest.mark.parametrize("value", ["70000", "0", "-5", "http", ""])
def test_a_port_that_is_none_is_named_with_its_setting(value: str) -> None:
    with pytest.raises(SettingsError, match=f"{SETTING} is {value}, which is not a port; expected: 1 to 65535"):
        port_of(SETTING, value)


def test_a_port_is_a_number() -> None:
    assert [port_of(SETTING, value) for value in ("1", "4266", "65535")] == [1, 4266, 65_535]
