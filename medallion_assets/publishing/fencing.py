"""Whose turn it is to publish: a publish whose place another one took finds out, and stops.

Belongs here: the fencing token in the `#owner` item.
Does not: when it is looked at, or who owns the table.

A pool of one slot lets one run publish to a table at a time. A run that counts as lost frees its slot although its
process may live, without a network for a while or suspended. The token shows it: the latest publish to begin has put
its own there. A request that is on its way at that moment does no harm (the publisher of items says why; the rows
of a day are under a version, and its pointer only rises).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.publishing.attributes import Item, to_item
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable, WriteCondition
from medallion_assets.publishing.keys import OWNER, Keys, own_key
from medallion_assets.publishing.owner import SAME_OWNER, ServingOwner, owner_values

TURN, TURN_RUN, TURN_BEGAN = "turn", "turn_run_id", "turn_began_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class FencingToken:
    """The turn of one publish at the table whose owner is under `key`."""

    key: Item
    turn: str
    run_id: str

    def expect(self, owner: Mapping[str, Mapping[str, Any]] | None, table_name: str) -> None:
        """See that it is still this publish's turn.

        Raises:
            PermanentError: another publish has begun since. Its run goes on, this one must not be repeated.
        """
        found = owner or {}
        if found.get(TURN, {}).get("S") == self.turn:
            return
        run_id, began_at = (found.get(name, {}).get("S", "unknown") for name in (TURN_RUN, TURN_BEGAN))
        raise PermanentError(
            f"another publish to DynamoDB table {table_name} took over from this one, which has stopped",
            expected=f"the turn of run {self.run_id}",
            found=f"that of run {run_id}, since {began_at}",
            do="nothing if that run is meant to replace this one; else publish again, one run at a time",
        )


def take_turn(table: BudgetedTable, keys: Keys, owner: ServingOwner, run_id: str, now: datetime) -> FencingToken:
    """Begin a turn of the `owner`; whoever had one before finds out at its next look.

    Raises:
        TransientError: the owner changed at this moment.
    """
    key = own_key(keys, OWNER)
    token = FencingToken(key=key, turn=uuid.uuid4().hex, run_id=run_id)
    values = to_item({":turn": token.turn, ":run": run_id, ":now": now.isoformat()})
    same = WriteCondition(SAME_OWNER, values | owner_values(owner))
    change = f"SET {TURN} = :turn, {TURN_RUN} = :run, {TURN_BEGAN} = :now"
    if table.update(key, change, same).accepted:
        return token
    raise TransientError(
        f"the owner of DynamoDB table {table.name} changed at this moment",
        expected=owner,
        do="run this publish again: it looks who the owner is now",
    )
