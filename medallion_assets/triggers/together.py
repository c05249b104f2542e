"""Going together: which of several tables, of which each asks for itself, are asked for in one run.

Belongs here: the choice, as a pure function, and what a sensor of several tables remembers.
Does not: when each of them is asked for, or the run.

One run for all spares processes, and what is derived from several of them is made once. But a run that is killed, or
hangs, ends for all of its tables, and nobody knows which of them ended it. So a table of which a batch was asked for
in vain goes alone until that batch is gone, whatever has arrived since; one whose batches get in goes with others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from medallion_assets.contracts.source import Found
from medallion_assets.triggers.asking import Asking
from medallion_assets.triggers.file_arrival import ArrivalCursor

Looks = Mapping[str, Asking[ArrivalCursor, Found]]
"""What each table asks for, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesCursor:
    """What a sensor of several tables remembers: the cursor of each, and the oldest batch of it that was asked for.

    The batch is forgotten when a look at its table finds that it waits no more. `unreached` are the tables for which
    the last tick had no time.
    """

    version: Literal[1] = 1
    tables: Mapping[str, ArrivalCursor] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)
    unreached: tuple[str, ...] = ()

    def in_turn(self, tables: Collection[str]) -> list[str]:
        """The tables in the order in which a tick looks at them: first those that the last one did not reach."""
        first = [name for name in self.unreached if name in tables]
        return [*first, *(name for name in tables if name not in first)]

    def after(self, looks: Looks, *, unreached: Sequence[str] = ()) -> TablesCursor:
        """The cursor after some tables were looked at; the others, and tables that are no more, stay as they were."""
        asks = {name: look.wanted[0].id for name, look in looks.items() if look.ask is not None}
        return TablesCursor(
            tables={**self.tables, **{name: look.cursor for name, look in looks.items()}},
            asked={**asks, **self._in_vain(looks)},
            unreached=tuple(unreached),
        )

    def go_together(self, looks: Looks, *, alone: Collection[str]) -> list[str]:
        """The tables that ask for a run now and share one; none when it would be the run of one table.

        `self` is the cursor before the looks. Those that go `alone` do so for what no look at arrivals shows.
        """
        asks = [name for name, look in looks.items() if look.ask is not None]
        together = [name for name in asks if name not in self._in_vain(looks) and name not in alone]
        return together if len(together) > 1 else []

    def _in_vain(self, looks: Looks) -> dict[str, str]:
        """What was asked for and is not known to be gone; nothing is known of a table with a run at work."""
        return {name: asked for name, asked in self.asked.items() if name not in looks or _waits(asked, looks[name])}


def _waits(batch_id: str, look: Asking[ArrivalCursor, Found]) -> bool:
    is_seen = look.wanted or look.cursor.state.signature is None
    return not is_seen or batch_id in {found.id for found in look.wanted}
