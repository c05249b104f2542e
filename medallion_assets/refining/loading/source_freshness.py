"""Source freshness: how far the batches of a place reach, and whether that is too long ago to load anything (rule F8).

Belongs here: the judgement, of what lies in the place alone.
Does not: how fresh our own tables are, or whether a stale source stops a run (a setting).

What is in counts as long as it lies there, but for what is dated ahead; a place that is missing or empty is as stale as
one can be, whatever was loaded from it. Samples are old by nature: nothing follows them, so that they are fresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.source import Found
from medallion_assets.delta.row_tables.identity import read_identity
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import StaleSourceError
from medallion_assets.refining.bronze import bronze_table, loaded_ids
from medallion_assets.refining.loading.raw_place import RawPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFreshness:
    """How far a source reaches, and how far it has to reach. `batches` counts those that lie in its place.

    `is_sample`: its lakehouse holds samples.
    """

    table: str
    place: str
    reaches_until: datetime | None
    batches: int
    limit_hours: float
    now: datetime
    is_sample: bool = False

    @property
    def is_stale(self) -> bool:
        """Whether it does not reach far enough; at its limit it still does, and samples do wherever they end."""
        if self.reaches_until is None:
            return True
        return not self.is_sample and self.now - self.reaches_until > timedelta(hours=self.limit_hours)

    @property
    def reach(self) -> str:
        """How far it reaches, in words."""
        return "nothing" if self.reaches_until is None else f"batches until {self.reaches_until:%Y-%m-%d %H:%M} UTC"


def wanted(place: str, limit_hours: float) -> str:
    """What is expected of a source, in words."""
    return f"one of the last {limit_hours:g} hours in {place}"


def stale_sources(stale: Mapping[str, tuple[str, str]]) -> StaleSourceError:
    """The error of a run that stale sources stop: by table, what is wanted of it and how far it reaches, in words."""
    several = len(stale) > 1
    return StaleSourceError(
        f"stale_source: {', '.join(stale)} {'have' if several else 'has'} no recent batch",
        expected="; ".join(f"{table}: {text}" if several else text for table, (text, _) in stale.items()),
        found="; ".join(f"{table}: {reach}" if several else reach for table, (_, reach) in stale.items()),
        do="see why nothing has arrived there; MEDALLION_STALE_SOURCES=warn loads what there is, "
        "and source_freshness_hours of Loaded(...) is the limit; until then no source of the run is loaded",
    )


def source_freshness(lakehouse: Lakehouse, raw_url: str, loaded: Loaded, *, now: datetime) -> SourceFreshness | None:
    """How fresh a table's source is; None where its declaration promises nothing.

    Raises:
        PermanentError: the place is gone, although batches of it are in, or it cannot be listed.
        TransientError: the store did not answer.
    """
    if loaded.source_freshness_hours is None:
        return None
    name = loaded.table.short_name
    bronze = lakehouse.find(bronze_table(name))
    held = loaded_ids(bronze) if bronze else set[str]()
    place = RawPlace.of(lakehouse, raw_url, loaded).open(lambda: held)
    batches = [] if place is None else loaded.source.find(place).batches
    identity = read_identity(lakehouse)
    return SourceFreshness(
        table=name,
        place=f"{raw_url}/{name}",
        reaches_until=reach_of(found for found in batches if not found.is_dated_ahead(now)),
        batches=len(batches),
        limit_hours=loaded.source_freshness_hours,
        now=now,
        is_sample=identity is not None and identity.is_sample,
    )


def reach_of(batches: Iterable[Found]) -> datetime | None:
    """How far some batches reach; one that is still being written reaches nowhere."""
    return max((found.reaches_until for found in batches if found.is_complete and found.reaches_until), default=None)
