"""File arrival: the sensor of one loaded table, which asks for a run when batches wait to be loaded.

Belongs here: looking at what lies there and what is known of it, and the sensor itself.
Does not: when to ask, or one sensor for several tables.

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial

import dagster as dg
from obstore.store import ObjectStore

from medallion_assets.contracts import sensor_names
from medallion_assets.contracts.owner import FULL_BATCH_MISSING, Owner
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.policies import Timers
from medallion_assets.contracts.search import Search, Share
from medallion_assets.contracts.source import Found
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors.counted import number_of
from medallion_assets.operations.stages import INGEST, INGEST_AND_REFINE
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.asking import SensorLook, Subject, asking_sensor
from medallion_assets.orchestration.sensors.cadence import arrivals_every, is_notified
from medallion_assets.orchestration.trigger_context import ArrivedBatch, TriggerContext
from medallion_assets.refining.bronze import bronze_table, latest_origin, loaded_ids
from medallion_assets.refining.ledger.decisions import Decision, read_decisions
from medallion_assets.refining.loading.owner import LOOKED_AT_AGAIN, owner_known
from medallion_assets.refining.loading.raw_place import RawPlace
from medallion_assets.refining.loading.refusals import fingerprints_now
from medallion_assets.refining.loading.refused_batches import RefusedBatch, read_refusals
from medallion_assets.settings import Settings
from medallion_assets.triggers.file_arrival import ArrivalCursor, Arrivals, evaluate, sort_out, unsorted
from medallion_assets.triggers.look_limits import LIMITS, LookLimits
from medallion_assets.triggers.next_look import seconds_until_next_look
from medallion_assets.triggers.rounds import Round

REFUSALS_ASKED_ABOUT = 200
"""A tick asks the store about the files at fault of so many refused batches, the newest; a run asks about all.

Not in turn: a batch that waits has to be seen to wait at each tick (debounce)."""
BATCHES_NAMED = 100
"""A run names so many of the batches that it was asked for; it loads them all."""


def arrival_sensor(
    pipeline: Pipeline,
    loaded: Loaded,
    timers: Timers,
    *,
    refines: bool = False,
    settings: Settings | None = None,
    status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """The sensor `file_arrival_<table>`: see `arrival_subject`."""
    subject = arrival_subject(pipeline, loaded, timers, refines=refines, settings=settings)
    return asking_sensor(
        subject,
        ArrivalCursor,
        name=sensor_names.file_arrival(loaded.table),
        description=f"Requests {subject.of.path} when complete {loaded.source.batch_word}s below "
        f"<raw>/{subject.of.short_name} are not loaded yet.",
        status=status,
        every_seconds=arrivals_every(settings),
        next_look=partial(seconds_until_next_look, is_told=is_notified(settings)),
    )


def arrival_subject(
    pipeline: Pipeline,
    loaded: Loaded,
    timers: Timers,
    *,
    refines: bool,
    settings: Settings | None,
    limits: LookLimits = LIMITS,
) -> Subject[ArrivalCursor, Found]:
    """Runs of bronze/<table>, for the batches that are not in. A tick lists within `limits`.

    A run that `refines` goes on to Silver and what is derived from it at once: where no timer keeps these waiting, this
    spares the wait for another sensor and the start of another process.
    """
    table, bronze = loaded.table, bronze_table(loaded.table.short_name)
    return Subject(
        settings=settings,
        pipeline=pipeline,
        job=INGEST_AND_REFINE if refines else INGEST,
        of=bronze,
        makes=[bronze, table, *pipeline.derived_from(table)] if refines else [bronze],
        timers=timers,
        look=partial(_look, loaded=loaded, timers=timers, limits=limits),
    )


def _look(
    lakehouse: LakehouseResource,
    now: datetime,
    cursor: ArrivalCursor,
    *,
    loaded: Loaded,
    timers: Timers,
    limits: LookLimits,
) -> SensorLook[ArrivalCursor, Found]:
    known = KnownBatches(lakehouse.lakehouse(), loaded)
    word = loaded.source.batch_word
    arrivals = replace(look(known, lakehouse.settings.raw_url, cursor, now, limits), word=word)
    asking = evaluate(now, cursor, arrivals, timers)
    return SensorLook(
        asking=asking,
        waits=waiting_text(loaded, asking.wanted),
        why=trigger_context(asking.wanted),
        # Batches that a restored table lacks again are asked for again.
        seen=[known.bronze_version] if asking.ask else [],
        months={found.partition for found in asking.wanted if found.partition is not None},
    )


@dataclass
class KnownBatches:
    """What is known of a table's batches, read when it is first needed: mostly nothing is."""

    lakehouse: Lakehouse
    declared: Loaded

    @property
    def table(self) -> Table:
        """The table itself."""
        return self.declared.table

    @cached_property
    def bronze(self) -> Snapshot | None:
        """The Bronze table; None when nothing has been loaded yet."""
        return self.lakehouse.find(bronze_table(self.table.short_name))

    @property
    def bronze_version(self) -> str:
        """Which version of which table is there, for a run key."""
        return f"{self.bronze.table_id}@{self.bronze.version}" if self.bronze else "none"

    @cached_property
    def loaded(self) -> set[str]:
        """The ids of the batches that are in."""
        return loaded_ids(self.bronze) if self.bronze else set()

    @cached_property
    def refusals(self) -> Mapping[tuple[str, str], RefusedBatch]:
        """What was refused, and why."""
        return read_refusals(self.lakehouse, self.table.short_name)

    @property
    def owner_now(self) -> Owner:
        """Whose batches are taken, with what Bronze recorded of it where that can make a difference."""
        return owner_known(self.declared, self.bronze) if self._looks_again else self.declared.owner

    @property
    def decisions(self) -> Mapping[str, Decision]:
        """What people decided, where it can make a difference."""
        if not self._looks_again:
            return {}
        return read_decisions(self.lakehouse, self.table.short_name)

    @property
    def latest_table_id(self) -> str | None:
        """Which DynamoDB table the batch was of that was loaded last, where it can make a difference."""
        if self.bronze is None or not any(refused.verdict == FULL_BATCH_MISSING for refused in self.refusals.values()):
            return None
        latest = latest_origin(self.bronze)
        return None if latest is None else latest[1]

    @property
    def _looks_again(self) -> bool:
        return any(refused.verdict in LOOKED_AT_AGAIN for refused in self.refusals.values())


@dataclass(frozen=True)
class LoadedIds(Collection[str]):
    """The ids of the batches that are in, read when somebody asks for one: of 100,000 that takes a second."""

    known: KnownBatches

    def __contains__(self, batch_id: object) -> bool:
        return batch_id in self.known.loaded

    def __iter__(self) -> Iterator[str]:
        return iter(self.known.loaded)

    def __len__(self) -> int:
        return len(self.known.loaded)


def look(
    known: KnownBatches, raw_url: str, cursor: ArrivalCursor, now: datetime, limits: LookLimits = LIMITS
) -> Arrivals:
    """What lies in the table's folder: after the cursor's position where it looks, and a share of all when that is due.

    It lists within `limits`, unless one batch has more files than that.
    """
    place = RawPlace.of(known.lakehouse, raw_url, known.declared)
    store = place.open(lambda: known.loaded)
    if store is None:
        return Arrivals(place=str(place.status(holds=False)))
    source = known.declared.source
    seen = _listed(known, store, cursor, now, limits)
    if not seen.listed and not seen.is_whole:
        return seen
    if not seen.listed and not known.loaded and not (status := place.status(holds=False)).is_fine:
        return replace(seen, place=str(status))
    listing = [remembered.found for remembered in seen.listed.values()]
    fingerprints = fingerprints_now(store, listing, known.refusals, known.owner_now, asked_at_most=REFUSALS_ASKED_ABOUT)
    return sort_out(
        [replace(batch, fingerprint=fingerprints[batch.id, batch.prefix]) for batch in listing],
        now=now,
        loaded=known.loaded,
        refusals=known.refusals,
        decisions=known.decisions,
        final_verdicts=source.final_verdicts,
        latest_table_id=known.latest_table_id,
        seen=seen,
    )


def _listed(
    known: KnownBatches, store: ObjectStore, cursor: ArrivalCursor, now: datetime, limits: LookLimits
) -> Arrivals:
    """What the looks of a tick see, and what is remembered beside it: nothing of it is sorted out."""
    source, stands = known.declared.source, cursor.round or Round(began_at=now)
    share = quick = None
    if cursor.lists_everything(now, ids_ascend=source.ids_ascend):
        requests = Share(requests=limits.share_requests, after=stands.after)
        share = source.find(store, Search(known=known.loaded, share=requests))
        stands = stands.with_share(share, limits)
    is_whole = share is not None and share.rest is None
    if cursor.knows_the_place and not (is_whole and cursor.round is None):
        requests = Share(requests=limits.quick_requests)
        search = Search(after=cursor.position, among=cursor.prefixes.due(), share=requests)
        if not source.ids_ascend:  # what an id says may depend on those that are in (rule F1)
            search = replace(search, held=LoadedIds(known))
        quick = source.find(store, search)
    return unsorted(cursor, now, stands, share=share, quick=quick, limits=limits, listed_as=source.listed_as)


def trigger_context(batches: Sequence[Found]) -> TriggerContext:
    """Why the run was asked for."""
    arrived = [
        ArrivedBatch(export_id=batch.id, prefix=batch.prefix, files=batch.files) for batch in batches[:BATCHES_NAMED]
    ]
    return TriggerContext(trigger="file_arrival", exports=arrived)


def waiting_text(loaded: Loaded, batches: Sequence[Found]) -> str:
    """The batches for people, the first few by name."""
    names = ", ".join([*(batch.id for batch in batches[:3]), *(["..."] if len(batches) > 3 else [])])
    wait = f"{'waits' if len(batches) == 1 else 'wait'} to be loaded: {names}"
    return f"{number_of(len(batches), loaded.source.batch_word)} of {loaded.table.short_name} {wait}"
