"""Where the web UI learns who its user is.

Belongs here: the setting, for the web server's process. Does not: who a run counts as without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from medallion_assets.settings.values import not_allowed

NAME = "MEDALLION_USER_HEADER"
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]*")
"""What the name of a header may consist of (RFC 9110)."""


def user_header(environment: Mapping[str, str]) -> str:
    """The header in which a proxy before the web UI passes on who the user is; empty: there is none.

    Raises:
        SettingsError: no header can be called so, and nobody would ever be named.
    """
    header = environment.get(NAME, "").strip()
    if not HEADER.fullmatch(header):
        raise not_allowed(NAME, "the name of one header, such as X-Forwarded-Email", header)
    return header
