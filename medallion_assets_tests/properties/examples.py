"""How many histories a property is tried on.

Belongs here: the settings of every test that compares whole histories.
Does not: what the histories are (oracle.strategies).

The same ones every time, so that a failure is one of the code. `make test` (Hypothesis' profile `quick`) tries a sixth
of them; MEDALLION_EXAMPLES asks for any number of new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

QUICK = "quick"
USUAL = 60
QUICK_SHARE = 6


def examples(*, one_in: int = 1) -> settings:
    """The settings of a property: it takes all the examples of a run, or one in so many."""
    asked_for = os.environ.get("MEDALLION_EXAMPLES")
    is_quick = settings.get_current_profile_name() == QUICK
    number = int(asked_for or (USUAL // QUICK_SHARE if is_quick else USUAL))
    return settings(
        max_examples=-(-number // one_in),
        deadline=None,
        derandomize=asked_for is None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
