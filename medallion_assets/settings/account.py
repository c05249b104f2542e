"""The account of this process: who did something where no person is named.

Belongs here: its words. Does not: persons, who are named by the tag `user` of a run.
"""

from __future__ import annotations

import getpass
import os
import socket


def user_name() -> str:
    """The account's name; a number where the system knows none for it, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def account() -> str:
    """The account with its host, said as such."""
    return f"account {user_name()} on {socket.gethostname()}"
