"""What the launcher of a run and its fork say to each other, over a socket below $DAGSTER_HOME.

Belongs here: one message, and whose socket it goes to.
Does not: who says what when.

The launcher says what the run is to have; the fork answers that it is ready, or why it is not to be used. Then it gets
the run's files, and says that it has them. Only the launcher's last word lets it begin. Whoever gives up before that
closes the connection. So there is one process a run, whichever answer is lost.

Messages are read by hand, and not with pydantic: a fork server may import nothing but what a run needs.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from medallion_assets.orchestration.hosting.sockets import address, listening

NAME = "fork-server"
VERSION = 2
"""Of the messages. Launcher and fork server may be of two releases for a while, as one was not started again yet."""
FILES, GO = b"files", b"go"
LENGTH_BYTES = 8


@dataclass(frozen=True, kw_only=True)
class ForkRequest:
    """What a run is to have: all that a process which its launcher starts would have inherited, and its arguments.

    `module` is where its job is defined; None where that is no module. `spill` is the folder where Polars puts what
    does not fit into memory.
    """

    module: str | None
    executable: str
    folder: str
    umask: int | None
    spill: str
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ForkAnswer:
    """What comes back: the fork's process id, and why it is not to be used; empty when it is."""

    pid: int
    refusal: str = ""


class ForeignMessageError(ValueError):
    """What came is no message of this version."""


Message = TypeVar("Message", ForkRequest, ForkAnswer)


def say(connection: socket.socket, what: ForkRequest | ForkAnswer) -> None:
    """Send a message: its length, then JSON with the version of its form."""
    text = json.dumps({"version": VERSION, **asdict(what)}).encode()
    connection.sendall(len(text).to_bytes(LENGTH_BYTES) + text)


def hear(connection: socket.socket, kind: type[Message]) -> Message | None:
    """The next message; None when the other side has closed the connection instead.

    Raises:
        ForeignMessageError: it is of another kind, or of another version.
        OSError: none came, or not in time.
    """
    length = _exactly(connection, LENGTH_BYTES)
    text = None if length is None else _exactly(connection, int.from_bytes(length))
    if text is None:
        return None
    try:
        fields = dict(json.loads(text))
        if fields.pop("version", 1) == VERSION:
            return kind(**fields)
    except (TypeError, ValueError) as error:
        raise ForeignMessageError(f"it is not of version {VERSION}: {error}") from error
    raise ForeignMessageError(f"it is not of version {VERSION}")


def listen(home: Path) -> socket.socket:
    """A socket below $DAGSTER_HOME for this account alone. It takes the place of one that a killed process left."""
    return listening(home, NAME, socket.SOCK_STREAM)


def connect(home: Path, seconds: float) -> socket.socket:
    """A connection to whoever listens there; it waits so long for anything that it does.

    Raises:
        OSError: nobody listens.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(seconds)
    try:
        with address(home, NAME) as place:
            connection.connect(place)
    except BaseException:
        connection.close()
        raise
    return connection


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        part = connection.recv(min(size - len(found), 1 << 16))
        if not part:
            return None
        found += part
    return bytes(found)
