"""How many examples a property is tried on.

Belongs here: the settings of every test that generates more than a few values.
Does not: what is generated (oracle.strategies).

The same ones every time, so that a failure is one of the code; trying many of them again and again finds little. So
`make test-all` tries a quarter of what a property names, and `make test` (Hypothesis' profile `quick`) a twentieth.
MEDALLION_EXAMPLES asks for new ones: so many for the properties of whole histories, others in proportion.
"""

from __future__ import annotations

import math
import os

from hypothesis import HealthCheck, settings

QUICK = "quick"
QUICK_SHARE, SHARE = 1 / 20, 1 / 4
USUAL = 60


def examples(usual: int = USUAL) -> settings:
    """The settings of a property that is worth so many examples beside the others."""
    asked_for = os.environ.get("MEDALLION_EXAMPLES")
    is_quick = settings.get_current_profile_name() == QUICK
    share = int(asked_for) / USUAL if asked_for else QUICK_SHARE if is_quick else SHARE
    return settings(
        max_examples=math.ceil(usual * share),
        deadline=None,
        derandomize=asked_for is None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
