"""Retries: how often, and after how long, what failed transiently is tried again unless settings say otherwise.

Belongs here: the defaults, for the settings and for whoever is handed none.
Does not: trying again, or the retries of a table's stage (contracts).
"""

from __future__ import annotations

REPETITIONS = 3
"""How often a stage repeats it within its attempt."""
FIRST_WAIT_SECONDS = 30.0
STEP_RETRY_SECONDS = 10.0
"""The wait before the first retry of a step, where neither its limits nor settings say another."""
