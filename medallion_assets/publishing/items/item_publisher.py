"""Publishing a table of items: only what differs, each item on the condition that it carries a lower pair (rule P2).

Belongs here: which items and tombstones are written, and in which order.
Does not: rows as items, who may publish, or charging and repeating requests.

A publisher may be late: its run counts as lost, another took its place, and it goes on. Nothing that it still writes
does harm, by the condition of each write:

- what replaces an item (or a tombstone) wants a lower pair in it, which the newer publish has raised;
- what makes an item that is not there goes in one transaction with a look at the watermark: once a newer publish has
  begun it is refused. The first publish of a table alone does without, as nothing can have vanished from it yet: a
  item it makes too late is removed by the next publish that reads the table;
- an equal pair has equal rows, unless their columns changed since: then the fencing token alone keeps a late one out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, TypeVar

from medallion_assets.contracts.published import GOLD_VERSION
from medallion_assets.publishing.attributes import Item, to_item, write_units
from medallion_assets.publishing.batches import grouped
from medallion_assets.publishing.budget.budgeted_table import (
    MOST_TRANSACTION_WCU,
    TRANSACTION_ITEMS,
    TRANSACTION_UNITS,
    WriteAnswer,
    WriteCondition,
)
from medallion_assets.publishing.completeness import Completeness
from medallion_assets.publishing.items import watermark
from medallion_assets.publishing.items.item_rows import (
    Row,
    carried_by,
    encoded_row,
    fingerprint,
    form_of,
    key_of,
    sifted,
)
from medallion_assets.publishing.items.watermark import (
    EQUAL,
    LOWER,
    Pair,
    Watermark,
    lower_values,
    pair_of,
)
from medallion_assets.publishing.keys import KEY_EXISTS, Keys, is_own, key_names, key_value
from medallion_assets.publishing.publisher import Outcome, Publish, PublishResult
from medallion_assets.publishing.tombstones import is_tombstone, tombstone
from medallion_assets.publishing.unpublishable import key_rules
from medallion_assets.storage.parallel import for_each

T = TypeVar("T")

PROGRESS_ITEMS = 100
Key = tuple[object, ...]
UNKNOWN = b""
"""The fingerprint of an item that has to be written whatever it holds."""


def publish_items(
    publish: Publish,
    rows: Iterable[Row],
    *,
    keys: Keys,
    columns: Iterable[str],
    previous_rows: Iterable[Row] | None,
    previous_watermark: tuple[date, int] | None,
    as_of: date,
    completeness: Completeness | None = None,
) -> PublishResult:
    """Make `rows` what the table holds, unless the pair of `as_of` and version or a higher one is in or has begun.

    `rows` and `previous_rows` are the items as they shall be and as they were published under `previous_watermark`
    (what `read_watermark` said when `previous_rows` were read), both with these `columns`. Columns named as_of_date and
    gold_version are replaced by the pair. Without `previous_rows`, or when the watermark moved since, the table itself
    is read (consistent scan, no write capacity); so it is while rows are left out, and once when other columns are
    published than before, or its keys are not encoded yet.
    The watermark says their `completeness`, and moves alone where it has only become surer.
    After a publish that died or was overtaken, another pair writes every item. What vanished leaves a tombstone.
    An interrupted call is completed by calling again.

    Raises:
        PermanentError: a key has another type or is there twice; a value has a type without an exact form; another
            publish took over.
        TransientError: DynamoDB gave no answer or no capacity for about a minute.
    """
    table, pair = publish.table, Pair(as_of, publish.source.number)
    began_at = table.limiter.clock()
    present, left_out = sifted(table.name, keys, rows, pair, (*key_rules(keys), *publish.index_rules))
    form = form_of(columns)
    table.expect_turn()
    found, write_all = watermark.begin(table, keys, pair, form)
    items = _Items(publish, keys=keys, pair=pair, form=form, found=found)
    outcome: Outcome = "superseded"
    if found.holds(pair, form):
        outcome, left_out = "unchanged", left_out.of_count(found.rows_left_out)
        known_before = found.completeness
        if completeness is not None and (known_before is None or known_before.until < completeness.until):
            outcome = "published" if watermark.say_surer(table, keys, pair, completeness) else outcome
    elif not found.refuses(pair):
        is_known = found.published == previous_watermark and found.form == form and not write_all
        known = previous_rows if is_known and not (found.rows_left_out or left_out.count) else None
        before = items.read(write_all) if known is None else items.fingerprints(known)
        items.write(present, before, write_all)
        facts: dict[str, Any] = {"table_id": publish.source.table_id, "run_id": publish.run_id, "now": publish.now}
        facts |= {"form": form, "rows_left_out": left_out.count, "completeness": completeness}
        table.expect_turn()
        if items.overtaken or not watermark.finish(table, keys, pair, **facts):
            if items.written or items.deleted:
                watermark.report_overtaken(table, keys)
        else:
            outcome = "published"
            if write_all and found.published is None:  # what the first publish makes too late, the next one removes
                watermark.report_overtaken(table, keys)
    newer = found.highest if found.refuses(pair) else None
    return publish.done(
        outcome,
        written=items.written,
        deleted=items.deleted,
        left_out=left_out,
        began_at=began_at,
        newest=newer and newer.version,
    )


class _Items:
    """The items of one publish under way: what is common to its threads."""

    def __init__(self, publish: Publish, *, keys: Keys, pair: Pair, form: str, found: Watermark) -> None:
        self.table = publish.table
        self.keys = keys
        self.pair = pair
        self.written = 0
        self.deleted = 0
        self.overtaken = False
        self._publish = publish
        self._counting = threading.Lock()
        self._carried = carried_by(pair)
        self._guards = found.published is not None
        # Items of another form may hold another row, or other columns of it, under the same pair.
        lower = LOWER if found.form == form else f"({LOWER} OR {EQUAL})"
        replaceable = f"attribute_not_exists({GOLD_VERSION}) OR {lower}"
        values = lower_values(pair)
        self._absent_or_lower = WriteCondition(replaceable, values)
        self._lower = WriteCondition(f"{KEY_EXISTS} AND ({replaceable})", values, key_names(keys))
        self._not_newer = WriteCondition(f"attribute_not_exists({GOLD_VERSION}) OR {LOWER} OR {EQUAL}", values)

    def fingerprints(self, rows: Iterable[Row]) -> dict[Key, bytes]:
        """What the table holds, by key, as far as the rows published before say."""
        encoded = (encoded_row(self.keys, row) for row in rows)
        return {key_of(row, self.keys): fingerprint(to_item(row)) for row in encoded}

    def read(self, write_all: bool) -> dict[Key, bytes]:
        """What the table holds, by key, read from itself; with `write_all`, nothing under a lower pair is trusted."""
        before: dict[Key, bytes] = {}
        for item in self._items():
            trusted = not write_all or self._carries_ours(item)
            before[self._key_of(item)] = fingerprint(item) if trusted else UNKNOWN
        return before

    def write(self, rows: Iterable[Row], before: dict[Key, bytes], write_all: bool) -> None:
        """Put what differs from `before`, then bury what is left of it; stops when a newer publish shows up.

        With `write_all` every row carries our pair (or a higher) once it is put: what still carries a lower one, be it
        written meanwhile by a slower publish, is not among the rows.
        """
        absent: list[Item] = []
        for_each(self._differing(rows, before, absent), lambda item: self._put(item, absent))
        self._make(absent)
        self._report(self.written % PROGRESS_ITEMS != 0)
        lower = (self._key_of(item) for item in self._items() if not self._carries_ours(item))
        for_each(self._until_overtaken(lower if write_all else before), self._bury)

    def _items(self) -> Iterator[Item]:
        """The items that readers see."""
        return (item for item in self.table.scan() if not (is_own(item, self.keys) or is_tombstone(item)))

    def _key_of(self, item: Item) -> Key:
        return tuple(key_value(item, name) for name in self.keys)

    def _carries_ours(self, item: Item) -> bool:
        pair = pair_of(item)
        return pair is not None and pair.rank >= self.pair.rank

    def _differing(self, rows: Iterable[Row], before: dict[Key, bytes], absent: list[Item]) -> Iterator[Item]:
        """The items to put over others; those that are not there yet go to `absent` where they need the watermark."""
        for row in self._until_overtaken(rows):
            item = to_item(row)
            known = before.pop(key_of(row, self.keys), None)
            if known == fingerprint(item):
                continue
            if known is None and self._guards:
                absent.append(item | self._carried)
            else:
                yield item | self._carried

    def _until_overtaken(self, things: Iterable[T]) -> Iterator[T]:
        for thing in things:
            if self.overtaken:
                return
            yield thing

    def _put(self, item: Item, absent: list[Item]) -> None:
        answer = self.table.put(item, self._lower if self._guards else self._absent_or_lower)
        if self._guards and not answer.accepted and not answer.existing:
            absent.append(item)  # it went since it was read
            return
        self._count_written(self._accepted(answer))

    def _make(self, absent: Sequence[Item]) -> None:
        """Put items that are not there, or tombstones: together with a look at the watermark, one group at a time.

        Groups at the same moment would get in each other's way, as they all look at the one watermark.
        """
        guard = watermark.guard(self.keys, self.pair)
        groups = grouped(
            self._until_overtaken(absent),
            cost=lambda item: TRANSACTION_UNITS * write_units(item),
            most_cost=min(self.table.batch_wcu, MOST_TRANSACTION_WCU),
            most_things=TRANSACTION_ITEMS,
        )
        for items in groups:
            group = items
            while group and not self.overtaken:
                answers = self.table.put_together(group, self._absent_or_lower, guard)
                if answers is None:
                    self.overtaken = True
                    return
                accepted = [self._accepted(answer) for answer in answers]
                if all(accepted):
                    self._count_written(*accepted)
                    break
                group = [item for item, is_accepted in zip(group, accepted, strict=True) if is_accepted]

    def _count_written(self, *accepted: bool) -> None:
        with self._counting:
            for is_in in accepted:
                self.written += is_in
                self._report(is_in and self.written % PROGRESS_ITEMS == 0)

    def _report(self, due: bool) -> None:
        if due:
            self._publish.progress(self.written)

    def _bury(self, key: Key) -> None:
        item_key = to_item(dict(zip(self.keys, key, strict=True)))
        answer = self.table.put(tombstone(item_key, self._carried, self._publish.now), self._not_newer)
        accepted = self._accepted(answer)
        with self._counting:
            self.deleted += accepted

    def _accepted(self, answer: WriteAnswer) -> bool:
        other = None if answer.accepted else pair_of(answer.existing)
        if other is not None and other.rank > self.pair.rank:
            self.overtaken = True
        return answer.accepted
