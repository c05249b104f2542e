"""Sockets below $DAGSTER_HOME, for this account alone.

Belongs here: their addresses, and taking the place of one that a killed process left.
Does not: what is said over them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATH_BYTES = 100
"""The path of a socket may have some 104 to 108 bytes, depending on the system."""


def listening(home: Path, name: str, kind: int) -> socket.socket:
    """A socket of a kind that others find in its place, which may be that of one that a killed process left.

    One of streams listens before others find it there.

    Raises:
        OSError: the folder takes none.
    """
    listener = socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC)
    try:
        _bind(listener, home, name)
    except BaseException:
        listener.close()
        raise
    return listener


def _bind(sock: socket.socket, home: Path, name: str) -> None:
    new = f"{name}.{os.getpid()}"
    with address(home, new) as place:
        with suppress(FileNotFoundError):
            (home / new).unlink()
        with suppress(OSError):  # Linux binds with this mode; a umask would be that of every thread
            os.fchmod(sock.fileno(), 0o600)
        sock.bind(place)
        (home / new).chmod(0o600)
        if sock.type == socket.SOCK_STREAM:
            sock.listen()
        (home / new).rename(home / name)


@contextmanager
def address(home: Path, name: str) -> Iterator[str]:
    """The path of a socket, which the kernel wants short: that of a long folder goes by the opened folder."""
    path = str(home / name)
    if len(os.fsencode(path)) <= PATH_BYTES:
        yield path
        return
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{name}"
    finally:
        os.close(folder)
