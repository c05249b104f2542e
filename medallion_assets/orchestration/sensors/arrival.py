"""File arrival: the sensor of one loaded table, which asks for a run when exports wait to be loaded.

Belongs here: looking at what lies there and what is known of it, and the sensor itself.
Does not: the decision (triggers/file_arrival.py), or one sensor for several tables (arrivals.py).

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial

import dagster as dg

from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.policies import Timers
from medallion_assets.contracts.source import Found, Owner
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.operations.stages import INGEST, INGEST_AND_REFINE
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.asking import Look, Subject, asking_sensor
from medallion_assets.orchestration.sensors.cadence import arrivals_every, is_told
from medallion_assets.orchestration.sensors.names import file_arrival
from medallion_assets.orchestration.trigger_context import ArrivedExport, TriggerContext
from medallion_assets.refining.bronze import bronze_table, latest_origin, loaded_ids
from medallion_assets.refining.decisions import Decision, read_decisions
from medallion_assets.refining.owner import FULL_EXPORT_MISSING, LOOKED_AT_AGAIN, owner_known
from medallion_assets.refining.raw_place import RawPlace
from medallion_assets.refining.refusals import fingerprints_now
from medallion_assets.refining.refused_exports import RefusedExport, read_refusals
from medallion_assets.settings import Settings
from medallion_assets.triggers.file_arrival import Arrivals, Cursor, decide, sort_out
from medallion_assets.triggers.next_look import seconds_until_next_look

REFUSALS_ASKED_ABOUT = 200
"""A tick asks the store about the files at fault of so many refused exports, the newest; a run asks about all.

Not in turn: an export that waits has to be seen to wait at each tick (debounce)."""
EXPORTS_NAMED = 100
"""A run names so many of the exports that it was asked for; it loads them all."""


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
        Cursor,
        name=file_arrival(loaded.table),
        description=f"Requests {subject.of.path} when complete exports below <raw>/{subject.of.short_name} are not "
        f"loaded yet.",
        status=status,
        every_seconds=arrivals_every(settings),
        next_look=partial(seconds_until_next_look, is_told=is_told(settings)),
    )


def arrival_subject(
    pipeline: Pipeline, loaded: Loaded, timers: Timers, *, refines: bool, settings: Settings | None
) -> Subject[Cursor, Found]:
    """Runs of bronze/<table>, for the exports that are not in.

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
        look=partial(_look, loaded=loaded, timers=timers),
    )


def _look(
    lakehouse: LakehouseResource, now: datetime, cursor: Cursor, *, loaded: Loaded, timers: Timers
) -> Look[Cursor, Found]:
    known = Known(lakehouse.lakehouse(), loaded)
    decided = decide(now, cursor, look(known, lakehouse.raw_url, cursor, now), timers)
    return Look(
        asking=decided,
        waits=waiting_text(loaded.table, decided.wanted),
        why=trigger_context(decided.wanted),
        # Exports that a restored table lacks again are asked for again.
        seen=[known.bronze_version] if decided.ask else [],
        months={found.partition for found in decided.wanted if found.partition is not None},
    )


@dataclass
class Known:
    """What is known of a table's exports, read when it is first needed: mostly nothing is."""

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
        """The ids of the exports that are in."""
        return loaded_ids(self.bronze) if self.bronze else set()

    @cached_property
    def refusals(self) -> Mapping[tuple[str, str], RefusedExport]:
        """What was refused, and why."""
        return read_refusals(self.lakehouse, self.table.short_name)

    @property
    def owner_now(self) -> Owner:
        """Whose exports are taken, with what Bronze recorded of it where that can make a difference."""
        owner = self.declared.owner
        return owner_known(owner, self.bronze) if self._looks_again else owner

    @property
    def decisions(self) -> Mapping[str, Decision]:
        """What people decided, where it can make a difference."""
        if not self._looks_again:
            return {}
        return read_decisions(self.lakehouse, self.table.short_name)

    @property
    def latest_table_id(self) -> str | None:
        """Which DynamoDB table the export was of that was loaded last, where it can make a difference."""
        if self.bronze is None or not any(refused.verdict == FULL_EXPORT_MISSING for refused in self.refusals.values()):
            return None
        latest = latest_origin(self.bronze)
        return None if latest is None else latest[1]

    @property
    def _looks_again(self) -> bool:
        return any(refused.verdict in LOOKED_AT_AGAIN for refused in self.refusals.values())


def look(known: Known, raw_url: str, cursor: Cursor, now: datetime) -> Arrivals:
    """What lies in the table's folder: after the cursor's position, where it looks, or everything when that is due."""
    place = RawPlace.of(known.lakehouse, raw_url, known.declared)
    store = place.open(lambda: known.loaded)
    if store is None:
        return Arrivals(place=str(place.status(holds=False)))
    source = known.declared.source
    is_whole = not source.ids_ascend or cursor.lists_everything(now)
    if is_whole:
        seen = source.find(store, known=known.loaded)
    else:
        seen = source.find(store, after=cursor.position, among=cursor.prefixes.due())
    listing, prefixes = seen.batches, cursor.prefixes.after(seen, is_whole=is_whole)
    if not listing and not is_whole:
        return Arrivals(unseen=seen.unseen, prefixes=prefixes)
    if not listing and not known.loaded and not (status := place.status(holds=False)).is_fine:
        return Arrivals(place=str(status), unseen=seen.unseen, is_whole=True)
    fingerprints = fingerprints_now(store, listing, known.refusals, known.owner_now, asked_at_most=REFUSALS_ASKED_ABOUT)
    arrivals = sort_out(
        [replace(export, fingerprint=fingerprints[export.id, export.prefix]) for export in listing],
        now=now,
        loaded=known.loaded,
        refusals=known.refusals,
        decisions=known.decisions,
        final_verdicts=source.final_verdicts,
        latest_table_id=known.latest_table_id,
        is_whole=is_whole,
    )
    return replace(arrivals, unseen=seen.unseen, prefixes=prefixes)


def trigger_context(exports: Sequence[Found]) -> TriggerContext:
    """Why the run was asked for."""
    arrived = [
        ArrivedExport(export_id=export.id, prefix=export.prefix, files=export.files)
        for export in exports[:EXPORTS_NAMED]
    ]
    return TriggerContext(trigger="file_arrival", exports=arrived)


def waiting_text(table: Table, exports: Sequence[Found]) -> str:
    """The exports for people, the first few by name."""
    names = ", ".join([*(export.id for export in exports[:3]), *(["..."] if len(exports) > 3 else [])])
    return f"{len(exports)} exports of {table.short_name} wait to be loaded: {names}"
