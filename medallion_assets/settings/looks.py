"""How often sensors look for what nobody tells them: what may be set, and what holds where nothing is.

Belongs here: which values are allowed, and how they are explained.
Does not: when a sensor looks.
"""

from __future__ import annotations

from collections.abc import Mapping

from medallion_assets.settings.values import parsed

DEV_CLI = "DAGSTER_IS_DEV_CLI"
"""`dagster dev` sets it for the processes that it starts."""
NET = 30
LONGEST = 60
"""Dagster's daemon is known to be away after so many seconds."""
LOOP_SECONDS = 5
"""It comes round no oftener."""
BETWEEN_LOOKS = f"a multiple of {LOOP_SECONDS} from {LOOP_SECONDS} to {LONGEST}"


def net_seconds(env: Mapping[str, str]) -> int:
    """How often a sensor looks that others wake.

    In plain `dagster dev` nobody watches the folders, and nobody hears wakes before the first run: so at every chance.
    """
    return LOOP_SECONDS if env.get(DEV_CLI) else NET


def arrivals_seconds(env: Mapping[str, str]) -> int:
    """The longest time between two looks at what has arrived.

    Raises:
        SettingsError: it is not allowed.
    """
    return parsed(env, "MEDALLION_ARRIVALS_SECONDS", str(net_seconds(env)), _seconds_between_looks, BETWEEN_LOOKS)


def _seconds_between_looks(text: str) -> int:
    seconds = int(text)
    if seconds % LOOP_SECONDS or not LOOP_SECONDS <= seconds <= LONGEST:
        raise ValueError(text)
    return seconds
