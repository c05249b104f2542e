"""Record order: which record of a key wins where the time of writing does not say it.

Belongs here: the two ways in which sources differ. Does not: applying them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOrder:
    """How records are ordered where their sequence does not say it.

    `latest_batch_wins`: on a tie between batches of a kind the greatest id wins (rule F5), else the lowest.
    `several_states`: a batch may tell several states of a key, each at its own sequence (rule F4), else one.
    """

    latest_batch_wins: bool = False
    several_states: bool = False


LOWEST_ID_WINS = RecordOrder()
"""Of batches that tell one state of a key, as DynamoDB's exports do (rule R3)."""
LATEST_ID_WINS = RecordOrder(latest_batch_wins=True, several_states=True)
"""Of files and windows (rules F4, F5)."""
