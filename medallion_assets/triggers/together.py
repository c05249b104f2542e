"""Going together: which of several tables, of which each decides for itself, are asked for in one run.

Belongs here: the decision, as a pure function, and what a sensor of several tables remembers.
Does not: when each of them is asked for (file_arrival.py), or the run.

One run for all spares processes, and what is derived from several of them is made once. But a run that is killed, or
hangs, ends for all of its tables. So whatever was asked for in vain goes alone until nothing of it is left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from medallion_assets.triggers import file_arrival
from medallion_assets.triggers.asking import Asking
from medallion_assets.triggers.cursors import Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """What a sensor of several tables remembers: the cursor of each, and those that go alone."""

    version: Literal[1] = 1
    tables: Mapping[str, file_arrival.Cursor] = field(default_factory=dict)
    alone: Names = frozenset()

    def after(self, looks: Mapping[str, Asking[file_arrival.Cursor, Any]], *, left_over: Collection[str]) -> Cursor:
        """The cursor after some tables were looked at; the others, and tables that are no more, stay as they were.

        `left_over` are those of which a run before has left something undone that no look at arrivals shows.
        """
        again = {name for name, look in looks.items() if look.ask is not None and look.ask.attempt > 1}
        done = {name for name, look in looks.items() if look.cursor.state.signature is None}
        return Cursor(
            tables={**self.tables, **{name: look.cursor for name, look in looks.items()}},
            alone=(self.alone - done) | again | frozenset(left_over),
        )


def go_together(cursor: Cursor, asks: Collection[str]) -> list[str]:
    """Those of the tables that ask for a run now that share one; none when it would be the run of one table.

    `cursor` is the one after the look at them.
    """
    together = [name for name in asks if name not in cursor.alone]
    return together if len(together) > 1 else []
