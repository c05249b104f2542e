"""Publishing a table of items: only what differs, each item on the condition that it carries a lower pair (rule P2).

Belongs here: which items are written and deleted, and in which order.
Does not: who may publish (dynamodb.watermark), or charging and repeating requests (dynamodb.budgeted_table).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from medallion_assets.dynamodb import watermark
from medallion_assets.dynamodb.attributes import Item, to_item
from medallion_assets.dynamodb.budgeted_table import Answer, BudgetedTable, Condition
from medallion_assets.dynamodb.limiter import CapacityLimiter
from medallion_assets.dynamodb.owner import OWNER
from medallion_assets.dynamodb.parallel import for_each
from medallion_assets.dynamodb.publisher import Outcome, Published, Source
from medallion_assets.dynamodb.watermark import AS_OF, LOWER, VERSION, WATERMARK, Pair, lower_values, pair_of
from medallion_assets.errors import PermanentError

MOST_KEY_BYTES = 2048
PROGRESS_ITEMS = 100
PUBLISHERS = frozenset({WATERMARK, OWNER})
"""The keys of items that are the publisher's own."""
UNKNOWN = b""
"""The fingerprint of an item that has to be written whatever it holds."""


def publish_items(
    client: Any,
    *,
    table_name: str,
    key: str,
    rows: Iterable[Mapping[str, object]],
    previous_rows: Iterable[Mapping[str, object]] | None,
    previous_watermark: tuple[date, int] | None,
    as_of: date,
    source: Source,
    run_id: str,
    limiter: CapacityLimiter,
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> Published:
    """Make `rows` what the table holds, unless this pair (`as_of`, `source`) or a higher one is in or has begun.

    `rows` and `previous_rows` are the items as they shall be and as they were published under `previous_watermark`
    (what `read_watermark` said when `previous_rows` were read). Columns named as_of_date and gold_version are replaced
    by the pair. Without `previous_rows`, or when the watermark moved since, the table itself is read (consistent
    scan, no write capacity). After a publish that died or was overtaken, another pair writes every item.
    `progress` is told how many items are in. An interrupted call is completed by calling again.

    Raises:
        PermanentError: a key is the publisher's, empty, too long or there twice; a value has no exact form.
        TransientError: DynamoDB gave no answer or no capacity for about a minute.
    """
    began_at = limiter.clock()
    present = list(rows)
    _check_keys(key, present)
    publish = _Publish(
        table=BudgetedTable(client, table_name, limiter),
        key=key,
        pair=Pair(as_of, source.number),
        progress=progress,
    )
    found, write_all = watermark.begin(publish.table, key, publish.pair)
    outcome: Outcome = "superseded"
    if found.published == publish.pair:
        outcome = "unchanged"
    elif not found.refuses(publish.pair):
        known = previous_rows if found.published == previous_watermark and not write_all else None
        before = publish.read(write_all) if known is None else publish.fingerprints(known)
        publish.write(present, before, write_all)
        facts: dict[str, Any] = {"table_id": source.table_id, "run_id": run_id, "now": now}
        if publish.overtaken or not watermark.finish(publish.table, key, publish.pair, **facts):
            if publish.written or publish.deleted:
                watermark.report_overtaken(publish.table, key)
        else:
            outcome = "published"
    newer = found.highest if found.refuses(publish.pair) else None
    return Published(
        outcome=outcome,
        table_id=source.table_id,
        version=source.version,
        items_written=publish.written,
        items_deleted=publish.deleted,
        consumed_wcu=publish.table.consumed_wcu,
        throttled_requests=publish.table.throttled_requests,
        seconds=limiter.clock() - began_at,
        superseded_by=newer and source.version_of(newer.version),
    )


class _Publish:
    """One publish under way: what is common to its threads."""

    def __init__(self, *, table: BudgetedTable, key: str, pair: Pair, progress: Callable[[int], None] | None) -> None:
        self.table = table
        self.key = key
        self.pair = pair
        self.written = 0
        self.deleted = 0
        self.overtaken = False
        self._progress = progress
        self._counting = threading.Lock()
        self._carried = to_item({AS_OF: pair.as_of, VERSION: pair.version})
        self._lower = Condition(f"attribute_not_exists({VERSION}) OR {LOWER}", lower_values(pair))

    def fingerprints(self, rows: Iterable[Mapping[str, object]]) -> dict[str, bytes]:
        """What the table holds, by key, as far as the rows published before tell."""
        return {str(row[self.key]): _fingerprint(to_item(row)) for row in rows}

    def read(self, write_all: bool) -> dict[str, bytes]:
        """What the table holds, by key, read from itself; with `write_all`, nothing under a lower pair is trusted."""
        before = {}
        for item in self._items():
            trusted = not write_all or self._carries_ours(item)
            before[str(item[self.key]["S"])] = _fingerprint(item) if trusted else UNKNOWN
        return before

    def write(self, rows: Iterable[Mapping[str, object]], before: dict[str, bytes], write_all: bool) -> None:
        """Put what differs from `before`, then delete what is left of it; stops when a newer publish shows up.

        With `write_all` every row carries our pair (or a higher) once it is put: what still carries a lower one, be it
        written meanwhile by a slower publish, is not among the rows.
        """
        for_each(self._differing(rows, before), self._put)
        self._tell(self.written % PROGRESS_ITEMS != 0)
        lower = (str(item[self.key]["S"]) for item in self._items() if not self._carries_ours(item))
        for_each(self._until_overtaken(lower if write_all else before), self._delete)

    def _items(self) -> Iterator[Item]:
        return (item for item in self.table.scan() if item[self.key]["S"] not in PUBLISHERS)

    def _carries_ours(self, item: Item) -> bool:
        pair = pair_of(item)
        return pair is not None and pair.rank >= self.pair.rank

    def _differing(self, rows: Iterable[Mapping[str, object]], before: dict[str, bytes]) -> Iterator[Item]:
        for row in self._until_overtaken(rows):
            item = to_item(row)
            if before.pop(str(row[self.key]), UNKNOWN) != _fingerprint(item):
                yield item | self._carried

    def _until_overtaken(self, things: Iterable[Any]) -> Iterator[Any]:
        for thing in things:
            if self.overtaken:
                return
            yield thing

    def _put(self, item: Item) -> None:
        accepted = self._accepted(self.table.put(item, self._lower))
        with self._counting:
            self.written += accepted
            self._tell(accepted and self.written % PROGRESS_ITEMS == 0)

    def _tell(self, due: bool) -> None:
        if due and self._progress is not None:
            self._progress(self.written)

    def _delete(self, key: str) -> None:
        accepted = self._accepted(self.table.delete({self.key: {"S": key}}, self._lower))
        with self._counting:
            self.deleted += accepted

    def _accepted(self, answer: Answer) -> bool:
        other = None if answer.accepted else pair_of(answer.existing)
        if other is not None and other.rank > self.pair.rank:
            self.overtaken = True
        return answer.accepted


def _fingerprint(item: Item) -> bytes:
    """16 bytes that tell whether figures differ, the pair left aside: millions of them fit in memory."""
    figures = sorted((name, repr(value)) for name, value in item.items() if name not in {AS_OF, VERSION})
    return hashlib.blake2b(repr(figures).encode(), digest_size=16).digest()


def _check_keys(key: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Refuse what cannot be an item's key, before anything is announced or written."""
    seen: set[str] = set()
    for row in rows:
        value = row[key]
        if not isinstance(value, str) or not value or value in PUBLISHERS or len(value.encode()) > MOST_KEY_BYTES:
            raise PermanentError(
                f"a row's {key} cannot be the key of an item",
                expected=f"text of 1 to {MOST_KEY_BYTES} bytes, and not {WATERMARK} or {OWNER}",
                found=repr(value)[:100],
                do=f"correct this {key} at its source, or drop its rows in Silver with an expectation",
            )
        if value in seen:
            raise PermanentError(
                f"two rows have the same {key}",
                expected=f"one row a {key}",
                found=repr(value)[:100],
                do="recompute the Gold partition",
            )
        seen.add(value)
        to_item(row)
