"""What a process says to whoever supervises it, as it would to systemd (sd_notify): READY=1, WATCHDOG=1.

Belongs here: saying it. Does not: what is said when.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from medallion_assets.settings.environment import inherited_environment


def notify(message: bytes) -> None:
    """Say something to the supervisor, if there is one that listens."""
    place = inherited_environment().get("NOTIFY_SOCKET", "")
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        to.sendto(message, f"\0{place[1:]}" if place.startswith("@") else place)
