"""The command prefix: what people type before a command on this host.

Belongs here: reading it; an error needs it also where another setting is refused.
Does not: which parts of a text are commands.
"""

from __future__ import annotations

from collections.abc import Mapping

COMMAND_PREFIX = "MEDALLION_COMMAND_PREFIX"


def command_prefix(environment: Mapping[str, str]) -> str:
    """Such as `deploy/as-medallion`, or empty; any value is allowed."""
    return (environment.get(COMMAND_PREFIX) or "").strip()
