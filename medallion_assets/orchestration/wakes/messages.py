"""What a process says to wake sensors, over a socket below $DAGSTER_HOME: one datagram, which nobody answers.

Belongs here: one message, and whose socket it goes to.
Does not: who wakes what, what follows.

Who says it works on, whether somebody hears it or not, and nothing fails.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.orchestration.hosting.sockets import address, listening

NAME = "wakes"
VERSION: Final = 1
"""Of the messages. What says them and what hears them may be of two releases for a while."""
LONGEST_BYTES = 65_536
MOST_SECONDS = 60.0
ROOM_SECONDS = 0.2
"""The kernel keeps few datagrams (10 on Linux). So long is waited for room: who reads none for longer stands still."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """Sensors that are to look, `after_seconds` from now: so that what comes right behind is seen by the same look."""

    sensors: tuple[str, ...]
    after_seconds: Annotated[float, Field(ge=0, le=MOST_SECONDS)] = 0.0
    version: Literal[1] = VERSION


def wake(
    home: Path, sensors: Collection[str], *, after_seconds: float = 0.0, room_seconds: float = ROOM_SECONDS
) -> None:
    """Say that sensors are to look. Where nobody hears it they do so when their turn comes."""
    if not sensors:
        return
    text = to_json(Message(sensors=tuple(sorted(sensors)), after_seconds=after_seconds)).encode()
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        to.settimeout(room_seconds)
        with address(home, NAME) as place:
            to.sendto(text, place)


def is_heard(home: Path) -> bool:
    """Whether somebody hears what is said there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        try:
            with address(home, NAME) as place:
                to.connect(place)
        except OSError:
            return False
    return True


def listen(home: Path) -> socket.socket:
    """A socket that hears what is said there. It takes the place of one that a killed process left.

    Raises:
        OSError: the folder takes none.
    """
    return listening(home, NAME, socket.SOCK_DGRAM)


def read(text: bytes) -> Message | None:
    """What was said; None when it is no message of this version."""
    return from_json_or_none(Message, text)
