"""What a process says to whoever supervises it, as it would to systemd (sd_notify): READY=1, WATCHDOG=1.

Belongs here: saying it. Does not: what is said when.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial


def supervisor(environment: Mapping[str, str]) -> Callable[[bytes], None]:
    """What says something to the supervisor of a process with this environment, if there is one that listens."""
    return partial(_say, environment.get("NOTIFY_SOCKET", ""))


def _say(place: str, message: bytes) -> None:
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        to.sendto(message, f"\0{place[1:]}" if place.startswith("@") else place)
