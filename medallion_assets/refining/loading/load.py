"""Ingest: every complete batch of a table that Bronze does not hold, each loaded whole or not at all (rules B1 to B5).

Belongs here: putting the table's source and its Bronze table together.
Does not: either of them, or when to run (triggers).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from obstore.store import ObjectStore

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.beside import bronze_name
from medallion_assets.contracts.owner import TABLE_RECREATED, Owner
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.source import BatchRefusedError, Delivery, Found, Source
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.refining.bronze import bronze_table, load_batch, loaded_ids
from medallion_assets.refining.ledger.decisions import read_decisions
from medallion_assets.refining.loading.owner import (
    LOOKED_AT_AGAIN,
    expect_same_table,
    owner_known,
    owner_notes,
    owner_of_what_is_in,
    why_outdated,
)
from medallion_assets.refining.loading.raw_place import RawPlace
from medallion_assets.refining.loading.refusals import expect_not_ahead, fingerprints_now, gone, is_due, refusal_of
from medallion_assets.refining.loading.refused_batches import RefusedBatch, read_refusals, record_refusals
from medallion_assets.refining.loading.samples import SampleMark
from medallion_assets.refining.loading.write import counted, write_batch
from medallion_assets.refining.versions import expect_latest

NAMED = 10
"""So many batches that are there are named to somebody who named another."""


@dataclass(kw_only=True)
class Ingested:
    """What a run of ingest did. `waiting` are batches without a summary, `refused` those that do not verify.

    `foreign` counts objects that belong to no batch, `unclaimed` are those that look like a batch's summary, and
    `unseen` folders that were not looked into, with why and what to do. `outdated` are batches that were loaded and do
    not count, with why. `months` are those of the batches that lie there and were not in, by id.
    """

    version: int = 0
    loaded: list[Batch] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    refused: list[RefusedBatch] = field(default_factory=list)
    foreign: int = 0
    unclaimed: list[str] = field(default_factory=list)
    unseen: Mapping[str, str] = field(default_factory=dict)
    outdated: dict[str, str] = field(default_factory=dict)
    months: dict[str, date] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """Lines that were loaded."""
        return sum(batch.records for batch in self.loaded)


def ingest(
    lakehouse: Lakehouse,
    raw_url: str,
    loaded: Loaded,
    *,
    now: datetime,
    only: Collection[str] = (),
    months: Collection[date] = (),
    done: Ingested | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Ingested:
    """Load every complete batch below `<raw_url>/<table>` that is not in; the others get a named verdict.

    What is loaded follows from what lies there and what Bronze holds, never from a trigger. A batch that was refused is
    looked at again when it has changed, and forgotten when it is gone (rule B2). One that is bad stops no other, except
    that a table made anew stops its successors (rule B3). `only` names the batches to look at, and `months` those of
    which months; empty means all. `done` is what an earlier call, which an error ended, had done: this one adds to it.

    Raises:
        PermanentError: no batch lies there and none is in, or not one that is named; the place of the batches is gone,
            or cannot be read.
        TransientError: the store or a table did not answer.
    """
    source, name = loaded.source, loaded.table.short_name
    before = lakehouse.find(bronze_table(name))
    held = set[str]() if before is None else loaded_ids(before)
    refusals = read_refusals(lakehouse, name)  # before the listing: what is refused meanwhile is not gone
    place, listing = RawPlace.of(lakehouse, raw_url, loaded).batches(held)
    expect_there(loaded, only, {*held, *(found.id for found in listing.batches)})
    bronze = lakehouse.ready(bronze_table(name))
    done = done or Ingested()
    done.waiting, done.refused = [], []
    done.foreign, done.unclaimed, done.unseen = listing.foreign, listing.unclaimed, listing.unseen
    done.months |= {found.id: found.partition for found in listing.batches if found.partition is not None}
    owner = _recorded_owner(loaded, place, bronze, held)
    loading = _Loading(lakehouse, place, source, bronze.table, now, owner, done, has_rows=bool(held))
    fingerprints = fingerprints_now(place, listing.batches, refusals, owner)
    ended, fresh = gone(place, listing, refusals, held, now), list[RefusedBatch]()
    try:
        for found in listing.batches:
            known = refusals.get((found.id, found.prefix))
            if found.id in held or (only and found.id not in only) or (months and found.partition not in months):
                continue
            now_as = fingerprints[found.id, found.prefix]
            if not found.is_complete:
                done.waiting.append(found.id)
            elif known is not None and known.fingerprint == now_as and not _is_looked_at_again(known, found, now):
                done.refused.append(known)
            else:
                progress(f"{bronze.table.name}: reading {loaded.source.batch_word} {found.id}")
                refusal = loading.load(found, known)
                if refusal is None:
                    held.add(found.id)
                    continue
                fresh.append(refusal)
                if refusal.verdict == TABLE_RECREATED:
                    break
    finally:
        known_before = ((refusal, refusals.get((refusal.export_id, refusal.prefix))) for refusal in fresh)
        changed = [refusal for refusal, before in known_before if not refusal.says_the_same(before)]
        record_refusals(lakehouse, [*ended, *changed])
    done.refused += fresh
    done.version = lakehouse.open(bronze.table).version
    return done


def expect_there(loaded: Loaded, named: Collection[str], there: Collection[str]) -> None:
    """See that every batch that a person named lies there, or is in.

    Raises:
        PermanentError: one does not; the message lists the latest that do.
    """
    if unknown := sorted(set(named) - set(there)):
        latest, word = sorted(there, reverse=True), loaded.source.batch_word
        more = f" and {len(latest) - NAMED} before these" if len(latest) > NAMED else ""
        raise PermanentError(
            f"the named {word}s were not found",
            where=bronze_name(loaded.table.short_name),
            expected=f"{word}s of this table: {', '.join(latest[:NAMED])}{more}",
            found=", ".join(unknown),
            do=f"correct `exports` in the run config, or leave it out: every complete {word} that is not loaded yet "
            "is loaded",
        )


def _is_looked_at_again(known: RefusedBatch, found: Found, now: datetime) -> bool:
    return known.verdict in LOOKED_AT_AGAIN or is_due(known, found, now)


def _recorded_owner(loaded: Loaded, place: ObjectStore, bronze: Snapshot, held: Collection[str]) -> Owner:
    """The owner, recorded in a Bronze table that an earlier release loaded, if its batches still tell it (rule B3)."""
    source, owner = loaded.source, owner_known(loaded, bronze)
    if owner.name is not None or not held or not source.names_owner:
        return owner
    still_there = (found for found in source.find(place).batches if found.id in held)
    known = replace(owner, name=owner_of_what_is_in(source, place, still_there, bronze, owner.accepts))
    if known.name is not None:
        bronze.commit(metadata=owner_notes(known))
    return known


@dataclass
class _Loading:
    """Loading one batch after the other; the first one that comes in says who the owner is, where nothing did."""

    lakehouse: Lakehouse
    place: ObjectStore
    source: Source
    table: Table
    now: datetime
    owner: Owner
    done: Ingested
    has_rows: bool

    def __post_init__(self) -> None:
        self.mark = SampleMark(self.lakehouse, self.now)
        self.decisions = read_decisions(self.lakehouse, self.owner.table)

    def load(self, found: Found, known: RefusedBatch | None) -> RefusedBatch | None:
        """Load one batch, or give its refusal; `known` is its refusal before."""
        try:
            expect_not_ahead(found, self.now)
            bronze = self.lakehouse.open(self.table)
            delivery = self.source.read(self.place, found, owner=self.owner)
            expect_same_table(bronze, delivery.batch, self.owner, self.decisions)
            expect_latest(bronze, delivery.batch)
            self._load(bronze, delivery, known)
        except BatchRefusedError as refused:
            return refusal_of(found, refused, self.owner, now=self.now)
        return None

    def _load(self, bronze: Snapshot, delivery: Delivery, known: RefusedBatch | None) -> None:
        batch = delivery.batch
        refused_as = None if known is None else known.verdict
        self.mark.before_loading(batch)
        written = write_batch(self.source, self.place, bronze, delivery, self.now, refused_as=refused_as)
        batch = counted(batch, written)
        self.owner, self.has_rows = self.owner.or_of(batch, has_rows=self.has_rows), True
        if load_batch(self.lakehouse, self.table, batch, written, notes=owner_notes(self.owner)) is not None:
            self.done.loaded.append(batch)
            if (why := why_outdated(bronze, self.source, batch, self.decisions)) is not None:
                self.done.outdated[batch.id] = why
