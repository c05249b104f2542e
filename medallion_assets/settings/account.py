"""The account of this process: who did something where no person is named.

Belongs here: its words. Does not: persons, who are named by the tag `user` of a run.
"""

from __future__ import annotations

import getpass
import os
import socket


def account() -> str:
    """The account with its host, said as such; a number where the system knows no name for it, as in a container."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"account {name} on {socket.gethostname()}"
