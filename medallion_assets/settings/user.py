"""Where the web UI learns who its user is.

Belongs here: the setting, for the web server's process. Does not: who a run counts as without it (settings/account.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def user_header(environment: Mapping[str, str] | None = None) -> str:
    """The header in which a proxy before the web UI passes on who the user is; empty: there is none."""
    return (os.environ if environment is None else environment).get("MEDALLION_USER_HEADER", "").strip()
