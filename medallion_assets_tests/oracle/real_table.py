"""A simulated table that is written to every few seconds, and its exports, taken as AWS takes them.

Belongs here: what is really in the table at a moment, and what an export of it holds.
Does not: which exports are taken (real_strategies.py), or what the rules make of them (oracle.py).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from random import Random

from medallion_assets_tests.oracle.decode import KEYS
from medallion_assets_tests.oracle.lines import (
    Item,
    customer,
    delete_line,
    full,
    item_line,
    transaction,
    upsert_line,
    window,
)
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput, from_micros, micros

SECOND = 1_000_000
MINUTE = 60 * SECOND
PARTITIONS = 4
CLOCK_STEP = SECOND // 2


@dataclass(frozen=True)
class Write:
    """A committed write of one key; `item` is None for a delete.

    It is in the table from `at` on, in microseconds since 1970. `lag` is how much older its write time is: a write that
    came from a replica in another region bears the time at which it was made there, one of a clock that is ahead bears
    a later one.
    """

    at: int
    key: str
    item: Item | None
    lag: int = 0

    @property
    def written_at(self) -> int:
        """What an incremental export says of it: `WriteTimestampMicros`."""
        return self.at - self.lag


@dataclass(frozen=True)
class RealTable:
    """A table and every write that it took, ascending, no two at one moment.

    Of two writes of a key the one with the later write time wins, whichever comes first; so of each key the write times
    ascend as well.
    """

    name: str
    writes: tuple[Write, ...]

    @cached_property
    def by_key(self) -> dict[str, list[Write]]:
        """The writes of every key, ascending."""
        found: dict[str, list[Write]] = {}
        for write in self.writes:
            found.setdefault(write.key, []).append(write)
        return found

    def last_write(self, key: str, at: int) -> Write | None:
        """The key's last write up to a moment, that included."""
        writes = self.by_key.get(key, [])
        count = bisect_right(writes, at, key=lambda write: write.at)
        return writes[count - 1] if count else None

    def item(self, key: str, at: int) -> Item | None:
        """What the table holds under the key at a moment."""
        write = self.last_write(key, at)
        return write.item if write else None

    def full_export(self, export_id: str, at: datetime, random: Random) -> ExportInput:
        """A full export: each item as of a moment of its own, at most a minute from the export's time.

        So everything committed until a minute before is in, nothing committed later than a minute after, and what lies
        between depends on the item, or on its partition, or is as early or late as it can be.
        """
        earliest, latest = micros(at) - MINUTE, micros(at) + MINUTE
        partitions = [random.randint(earliest, latest) for _ in range(PARTITIONS)]
        kind = random.choice(("item", "partition", "edge"))
        lines = []
        for number, key in enumerate(self.by_key):
            moment = {
                "item": random.randint(earliest, latest),
                "partition": partitions[number % PARTITIONS],
                "edge": random.choice((earliest, latest)),
            }[kind]
            item = self.item(key, moment)
            if item is not None:
                lines.append(item_line(item))
        random.shuffle(lines)
        return full(self.name, export_id, at, lines[::2], lines[1::2])

    def window(self, export_id: str, from_at: datetime, to_at: datetime, random: Random) -> ExportInput:
        """An incremental export of [from_at, to_at): a record of every key that changed, with its last state."""
        lines = []
        for key in self.by_key:
            last = self.record(key, from_at, to_at)
            if last is None:
                continue
            keys: Item = {KEYS[self.name]: {"S": key}}
            old = self.item(key, micros(from_at) - 1)
            sequence = last.written_at
            lines.append(
                upsert_line(sequence, last.item, old=old) if last.item else delete_line(sequence, keys, old=old)
            )
        random.shuffle(lines)
        return window(self.name, export_id, from_at, to_at, lines[::2], lines[1::2])

    def record(self, key: str, from_at: datetime, to_at: datetime) -> Write | None:
        """The write that an incremental export of [from_at, to_at) tells of a key.

        It is the last one. A key that is not there at the window's start and not at its end either has no record.
        """
        last = self.last_write(key, micros(to_at) - 1)
        if last is None or last.at < micros(from_at):
            return None
        return last if last.item or self.item(key, micros(from_at) - 1) else None

    def lives(self, key: str) -> Iterator[tuple[int, int | None]]:
        """When the key came and when it went (None: it is still there), ascending."""
        born = None
        for write in self.by_key.get(key, []):
            if write.item is None and born is not None:
                yield born, write.at
                born = None
            elif write.item is not None and born is None:
                born = write.at
        if born is not None:
            yield born, None


def busy_table(
    name: str,
    random: Random,
    begin: datetime,
    end: datetime,
    *,
    every: timedelta,
    shortest_life: timedelta = timedelta(),
    longest_lag: timedelta = timedelta(),
) -> RealTable:
    """A table that is written to about every so often: new items, changes, deletes, deleted items that come back.

    Some changes say what was there before. An item that was deleted has lived `shortest_life` at least. With a
    `longest_lag` some writes come from replicas and lag by up to that, and some bear the time of a clock that is ahead.
    """
    tick = timedelta(microseconds=1)
    writes = _writes(name, random, begin, end, every, shortest_life // tick)
    return RealTable(name, tuple(_replicated(writes, random, longest_lag // tick) if longest_lag else writes))


def _replicated(writes: Iterator[Write], random: Random, longest_lag: int) -> Iterator[Write]:
    """The same writes, some under way for a while; what came too late to win is none."""
    latest: dict[str, int] = {}
    for write in writes:
        lag = random.choice((0, 0, 0, 0, -CLOCK_STEP, random.randint(SECOND, MINUTE), random.randint(0, longest_lag)))
        lagging = replace(write, lag=lag)
        if lagging.written_at > latest.get(write.key, 0):
            latest[write.key] = lagging.written_at
            yield lagging


def _writes(
    name: str, random: Random, begin: datetime, end: datetime, every: timedelta, shortest_life: int
) -> Iterator[Write]:
    pause = every // timedelta(microseconds=1)
    at = micros(begin)
    born: dict[str, int] = {}
    keys: list[str] = []
    while (at := at + random.randint(pause // 10, 2 * pause)) < micros(end):
        kind = random.random()
        if kind < 0.35 or not keys:
            keys.append(f"k{len(keys)}")
            key = keys[-1]
        else:
            key = random.choice(keys[-10:] if kind < 0.75 else keys)
        if key in born and at - born[key] >= shortest_life and random.random() < 0.35:
            del born[key]
            yield Write(at, key, None)
        else:
            yield Write(at, key, _item(name, random, key, born.setdefault(key, at)))


def _item(name: str, random: Random, key: str, born: int) -> Item:
    """An item in one of a few states, so that some changes change nothing."""
    if name == TRANSACTIONS:
        return transaction(
            key,
            transaction_timestamp={"S": from_micros(born).isoformat()},
            amount={"N": random.choice(("10", "12.50"))},
            status={"S": random.choice(("pending", "completed", "refunded"))},
        )
    return customer(
        key,
        customer_segment={"S": random.choice(("retail", "vip"))},
        region={"S": random.choice(("west", "west", "east"))},
    )
