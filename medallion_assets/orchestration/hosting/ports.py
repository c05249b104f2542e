"""Ports: whether a server can listen somewhere, before it starts and says it in a traceback; where it is reached then.

Belongs here: what a port and an address are, one look, and what is wrong otherwise.
Does not: which port is whose (settings, cli).
"""

from __future__ import annotations

import errno
import socket

from medallion_assets.errors import PermanentError, SettingsError
from medallion_assets.settings.values import GREATEST_PORT


def port_of(setting: str, value: str) -> int:
    """The port that a setting names.

    Raises:
        SettingsError: it names none.
    """
    if value.isdecimal() and 0 < int(value) <= GREATEST_PORT:
        return int(value)
    do = "correct it in the settings file, then restart"
    raise SettingsError(
        f"{setting} is {value}, which is not a port", expected=f"1 to {GREATEST_PORT}", found=value, do=do
    )


def family_of(host: str) -> socket.AddressFamily:
    """Of which protocol a server's socket is that listens at an address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def reached_at(host: str, port: int) -> str:
    """Where a server that listens at an address is reached from this machine, as a URL has it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is asked from here
    return f"[{host}]:{port}" if family_of(host) is socket.AF_INET6 else f"{host}:{port}"


def expect_free(host: str, port: int, *, do: str) -> None:
    """See that a server can listen there; `do` is how to choose another port.

    Raises:
        PermanentError: there is no such port, somebody uses it, or this machine cannot listen at that address.
    """
    if not 0 <= port <= GREATEST_PORT:
        raise PermanentError(f"there is no port {port}", expected=f"1 to {GREATEST_PORT}", found=port, do=do)
    with socket.socket(family_of(host)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                do = f"stop the process that uses it, or {do}"
                raise PermanentError(
                    f"port {port} is in use", expected=f"{host} is free", found=error, do=do
                ) from error
            raise PermanentError(
                f"no server can listen at {host}, port {port}",
                expected="an address of this machine, and a port that this account may take",
                found=error,
                do=f"correct the address, or {do}",
            ) from error
