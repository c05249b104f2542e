"""The next exports: what a shop's tables did since the last exports that lie there, for trying the pipeline live.

Belongs here: where the next window begins, and records that follow from what the exports before it hold.
Does not: the first exports; exports of any size.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.moments import micros
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.samples.customers import CUSTOMERS, NEXT_SEGMENT, REGIONS, customers
from medallion_assets.pipelines.transactions.samples.exports import CHANGES, LATE_SHARE, TABLES
from medallion_assets.pipelines.transactions.samples.history import BAD_SHARE, write_opening_export
from medallion_assets.pipelines.transactions.samples.lines import SampleTable
from medallion_assets.pipelines.transactions.samples.places import check_only_samples, exports_of
from medallion_assets.pipelines.transactions.samples.transactions import TRANSACTIONS, transactions
from medallion_assets.sources.dynamodb_export.find import find_exports
from medallion_assets.sources.dynamodb_export.manifest import Export, ExportType
from medallion_assets.sources.dynamodb_export.read import read_export
from medallion_assets.sources.dynamodb_export.write import delete_record, upsert_record, write_export
from medallion_assets.storage.stores import NO_OPTIONS, read_bytes

OPENING = {"transactions": 5_000, "customers": 500, "days": 14}
"""What the first, full exports hold."""
RECORDS = 400
RECORDS_PER_CUSTOMER_RECORD = 20
LOOKED_BACK = 5
"""So many exports are read for rows that may change."""
SETTLING = timedelta(days=3)
"""Transactions change within this time; late ones arrive after it."""
NEXT_STATUS = {"pending": ("completed", "completed", "cancelled"), "completed": ("refunded",)}
Item = dict[str, Any]


def write_next_exports(
    url: str,
    *,
    now: datetime,
    seed: int = 0,
    records: int = RECORDS,
    bad_share: float = BAD_SHARE,
    storage_options: Mapping[str, str] = NO_OPTIONS,
) -> list[Export]:
    """Write an export of each sample table below `<url>/<table>`, ending at `now` (cut to the second).

    A table without exports gets a full one of the last 14 days, any other an incremental one that begins where its
    last one ended, and a minute earlier after a full one (rule C1): for customer_transactions of `records` records, of
    whose upserts `bad_share` are bad.

    Raises:
        PermanentError: an export that lies there, of whatever table, is no sample, or the last one ends now or later.
    """
    at = now.astimezone(UTC).replace(microsecond=0)
    check_only_samples(url, storage_options)
    chains = {name: _Chain.of(sample, exports_of(url, name, storage_options)) for name, sample in TABLES.items()}
    for chain in chains.values():
        chain.check(at)
    return [
        chain.write_next(at, seed=seed, records=records, bad_share=bad_share)
        if chain.exports
        else write_opening_export(chain.store, table=name, seed=seed, at=at, **OPENING)
        for name, chain in chains.items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """The exports of a table, the one that ends last first."""

    table: SampleTable
    store: ObjectStore
    exports: tuple[Export, ...]

    @classmethod
    def of(cls, table: SampleTable, store: ObjectStore) -> _Chain:
        exports = [read_export(store, found) for found in find_exports(store)]
        exports.sort(key=lambda export: (export.to_at, export.export_id), reverse=True)
        return cls(table=table, store=store, exports=tuple(exports))

    def check(self, at: datetime) -> None:
        if self.exports and self.exports[0].to_at >= at:
            raise PermanentError(
                f"the next export of {self.table.name} would be empty",
                expected="a last export that ended before now",
                found=f"export {self.exports[0].export_id} until {self.exports[0].to_at}, and now it is {at}",
                do="wait a second, or look at the clock",
            )

    def write_next(self, at: datetime, *, seed: int, records: int, bad_share: float) -> Export:
        last = self.exports[0]
        from_at = last.batch.covers_until
        random = Random(f"{seed}|{self.table.name}|{from_at}")  # noqa: S311 - samples, no secrets
        is_transactions = self.table is TRANSACTIONS
        window = _Window(
            table=self.table,
            random=random,
            from_at=from_at,
            to_at=at,
            bad_share=bad_share if is_transactions else 0.0,
        )
        count = records if is_transactions else max(2, records // RECORDS_PER_CUSTOMER_RECORD)
        lines = window.lines(_known_items(self), count, seed=seed)
        newest = max(export.started_at for export in self.exports)
        return write_export(
            self.store,
            table_name=self.table.name,
            export_type=ExportType.INCREMENTAL,
            from_at=from_at,
            to_at=at,
            files=[[], lines[0::2], lines[1::2]],
            started_at=max(at, newest + timedelta(milliseconds=1)),
            seed=seed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """What happens to a table in [from_at, to_at)."""

    table: SampleTable
    random: Random
    from_at: datetime
    to_at: datetime
    bad_share: float

    def lines(self, known: Mapping[str, Item], count: int, *, seed: int) -> list[str]:
        """The records, in no order: a key has one at most."""
        inserts = round(count * CHANGES["insert"])
        deletes = round(count * CHANGES["delete"])
        changing = [key for key in sorted(known) if self._may_change(known[key])]
        changed = self.random.sample(changing, min(len(changing), count - inserts))
        lines = [self._upsert(item, None, written) for item, written in self._new_items(inserts, seed)]
        for number, key in enumerate(changed):
            old = known[key]
            if number < deletes:
                lines.append(delete_record(self._keys(old), self._moment(), old))
            else:
                lines.append(self._upsert(self._updated(old), old, self._moment()))
        self.random.shuffle(lines)
        return lines

    def _new_items(self, count: int, seed: int) -> list[tuple[Item, int]]:
        """Items whose keys no export before had, and when each was written: those of a window begin at its time."""
        begin = micros(self.from_at)
        index = pl.Series(range(begin, begin + count), dtype=pl.UInt64)
        written = [self._moment() for _ in range(count)]
        if self.table is CUSTOMERS:
            rows = customers(index, seed=seed, count=1, start=self.from_at, end=self.to_at)
        else:
            late = SETTLING // timedelta(microseconds=1)
            bought = [
                at - self.random.randrange(1_000_000, 60_000_000) - (late if self.random.random() < LATE_SHARE else 0)
                for at in written
            ]
            rows = transactions(index, pl.Series(bought), seed=seed, customers=OPENING["customers"])
        items = [
            {name: {kind: row[name]} for name, kind in self.table.attributes} for row in rows.iter_rows(named=True)
        ]
        return list(zip(items, written, strict=True))

    def _may_change(self, item: Item) -> bool:
        if self.table is CUSTOMERS:
            return _text(item, "customer_segment") in NEXT_SEGMENT
        since = (self.from_at - SETTLING).isoformat()
        return _text(item, "status") in NEXT_STATUS and _text(item, "transaction_timestamp") > since

    def _updated(self, item: Item) -> Item:
        if self.table is not CUSTOMERS:
            return item | {"status": {"S": self.random.choice(NEXT_STATUS[_text(item, "status")])}}
        if self.random.random() < 0.2:
            return item | {"region": {"S": self.random.choice(list(REGIONS))}}
        return item | {"customer_segment": {"S": NEXT_SEGMENT[_text(item, "customer_segment")]}}

    def _upsert(self, item: Item, old: Item | None, written: int) -> str:
        keys, image = self._keys(item), item
        if self.random.random() < self.bad_share:
            name, instead = self.random.choice(self.table.spoilt)
            image = {**item, name: None if instead is None else json.loads(instead)}
        return upsert_record(keys, {name: value for name, value in image.items() if value is not None}, written, old)

    def _keys(self, item: Item) -> Item:
        return {self.table.key: item[self.table.key]}

    def _moment(self) -> int:
        return self.random.randrange(micros(self.from_at), micros(self.to_at))


def _known_items(chain: _Chain) -> dict[str, Item]:
    """The items that the last exports wrote and none deleted since, by key."""
    found: dict[str, Item | None] = {}
    for export in chain.exports[:LOOKED_BACK]:
        for record in _records(chain.store, [file.key for file in export.files]):
            image = record.get("Item", record.get("NewImage"))
            key = record.get("Keys", image)[chain.table.key]["S"]
            found.setdefault(key, image)
    return {key: item for key, item in found.items() if item is not None}


def _records(store: ObjectStore, keys: Sequence[str]) -> list[Any]:
    files = (gzip.decompress(data) for key in keys if (data := read_bytes(store, key)))
    return [json.loads(line) for file in files for line in file.splitlines()]


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))
