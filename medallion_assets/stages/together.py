"""Publishing together: which other Gold tables a day waits for before readers see it (rule P6).

Belongs here: what each of these tables lacks of some days, as its log and its source's say.
Does not: what follows for a run (stages.serving) or for what is asked for (orchestration.sensors.restated).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from medallion_assets.contracts.pipeline import AsOf, Gold
from medallion_assets.delta.partitions import held_days
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.kept_days import kept_as_of_days
from medallion_assets.publishing.build_log import BuildLog


@dataclass(frozen=True)
class Companion:
    """A Gold table whose days are published together with another's, as the lakehouse has it now."""

    gold: Gold
    lakehouse: Lakehouse

    def lacks(self, day: date) -> bool:
        """Whether it has to hold a day and does not, or holds what its source has changed since.

        Days of which its source has nothing are never lacking, and of a table as of days those that it does not keep.
        """
        if not self.has_to_hold(day):
            return False
        return self.built is None or not BuildLog(self.gold, self.built).is_right(day)

    @cached_property
    def built(self) -> Snapshot | None:
        """The table; None while it was never made."""
        return self.lakehouse.find(self.gold.table)

    def has_to_hold(self, day: date) -> bool:
        """Whether there is something that a day is made of, and a table as of days keeps it."""
        if isinstance(self.gold, AsOf):
            greatest = max(self._held, default=None)
            return bool(kept_as_of_days([day], greatest, keep_days=self.gold.keep_days))
        return day in self._held

    @cached_property
    def _held(self) -> frozenset[date]:
        source = self.lakehouse.find(self.gold.source)
        return frozenset() if source is None else frozenset(held_days(source))


def companions(lakehouse: Lakehouse, golds: Sequence[Gold]) -> list[Companion]:
    """Each of some Gold tables, as the lakehouse has it now."""
    return [Companion(gold, lakehouse) for gold in golds]


def lacking(found: Iterable[Companion], days: Iterable[date]) -> Iterator[str]:
    """What is missing until some days can be published, for people: a line for each table that lacks any."""
    wanted = sorted(days)
    for companion in found:
        missing = [str(day) for day in wanted if companion.lacks(day)]
        if missing:
            yield f"{companion.gold.table.name} lacks {', '.join(missing)}"
