"""What tests start servers with."""

from __future__ import annotations

import socket

import pytest

from medallion_assets_tests.services.processes import free_port, is_listening


def test_a_port_that_was_chosen_is_kept_for_who_serves_there() -> None:
    port = free_port()
    assert not is_listening(port)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)):
        assert is_listening(port)
