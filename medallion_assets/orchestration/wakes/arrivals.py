"""Waking the sensors of arrivals, all of them: what has arrived, and of which table, is for them to see.

Belongs here: who they are.
Does not: who knows that something may have arrived.
"""

from __future__ import annotations

import logging
from pathlib import Path

import dagster as dg

from medallion_assets.contracts.sensor_names import ARRIVALS
from medallion_assets.orchestration.wakes.messages import wake
from medallion_assets.orchestration.wakes.waker import states_of_sensors

TOGETHER_SECONDS = 1.0
"""An export ends with several files: one look sees them."""
LOG = logging.getLogger(__name__)


def wake_arrivals(instance: dg.DagsterInstance) -> None:
    """Wake those that ever looked; where the storage does not say which, they look at their own intervals."""
    try:
        states = states_of_sensors(instance)
    except Exception:
        LOG.exception("no sensor is woken; they look at their own intervals")
        return
    names = [state.instigator_name for state in states if state.instigator_name.startswith(ARRIVALS)]
    wake(Path(instance.root_directory), names, after_seconds=TOGETHER_SECONDS)
