"""The watermark of a table of items: which publish is in, which has begun, what that means for the next (rule P2).

Belongs here: the `#watermark` item and its conditional changes.
Does not: writing the other items.

Items become visible one by one, so a publish that died or was overtaken leaves figures that the pair of the watermark
does not cover. Therefore a publish announces itself before its first item. From then on lower pairs publish nothing,
and whoever finds an announced publish that is not in writes every item under its own pair, not only what differs: a
slower publisher's late writes are then refused item by item.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from medallion_assets.contracts.published import (
    AS_OF_DATE,
    BEGUN_AS_OF,
    BEGUN_VERSION,
    GOLD_VERSION,
    ITEM_FORM,
    KEY_ENCODING,
    OVERTAKEN,
    ROWS_LEFT_OUT,
    WRITE_ALL,
)
from medallion_assets.errors import TransientError
from medallion_assets.publishing.attributes import Item, StoredItem, number, to_item
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable, Guard, WriteCondition
from medallion_assets.publishing.completeness import COMPLETE_UNTIL, IS_COMPLETE, SURER, Completeness
from medallion_assets.publishing.keys import ENCODED_WITH, KEY_EXISTS, WATERMARK, Keys, key_names, own_key
from medallion_assets.publishing.owner import TABLE_ID, Trace, trace_of
from medallion_assets.publishing.publisher import VERSIONS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

SAID = f"{COMPLETE_UNTIL} = :{COMPLETE_UNTIL}, {IS_COMPLETE} = :{IS_COMPLETE}"
"""The change that says `Completeness.values`."""
MOST_ATTEMPTS = 20


class Pair(NamedTuple):
    """What orders publishes; `version` is Gold's, numbered by generation (publishing.publisher.Source)."""

    as_of: date
    version: int

    @property
    def rank(self) -> tuple[int, date, int]:
        """A later generation wins, then a later day, then a later version of Gold."""
        return self.version // VERSIONS, self.as_of, self.version


LOWER = (
    f"{GOLD_VERSION} < :generation OR ({GOLD_VERSION} < :next_generation AND "
    f"({AS_OF_DATE} < :as_of OR ({AS_OF_DATE} = :as_of AND {GOLD_VERSION} < :version)))"
)
"""The condition that an item carries a pair of lower rank than that of `lower_values`."""
EQUAL = f"({AS_OF_DATE} = :as_of AND {GOLD_VERSION} = :version)"
"""The condition that it carries that very pair."""
BEGUN = f"{BEGUN_AS_OF} = :as_of AND {BEGUN_VERSION} = :version"
"""The condition that the watermark announces that very pair, and no later one."""


def lower_values(pair: Pair) -> Item:
    """The values of LOWER."""
    first = pair.version - pair.version % VERSIONS
    return pair_values(pair) | to_item({":generation": first, ":next_generation": first + VERSIONS})


def pair_values(pair: Pair) -> Item:
    """The values of a change to `pair`."""
    return to_item({":as_of": pair.as_of, ":version": pair.version})


def pair_of(item: StoredItem, as_of: str = AS_OF_DATE, version: str = GOLD_VERSION) -> Pair | None:
    """The pair that an item carries, or None."""
    if as_of not in item:
        return None
    return Pair(date.fromisoformat(str(item[as_of]["S"])), number(item[version]))


@dataclass(frozen=True, slots=True)
class Watermark:
    """The state of a table of items.

    `published` is in, whole. `begun` is the highest that announced itself. `write_all`: what has begun has to write
    every item. `overtaken`: a publish was overtaken after it had written items, so the next has to write every item.
    `form` is that of the published items (`item_rows.form_of`); None while they may have several, or of an earlier
    release. `rows_left_out`: how many rows are not among them, as DynamoDB cannot take them. `completeness` is that of
    `published`.
    """

    published: Pair | None = None
    begun: Pair | None = None
    write_all: bool = False
    overtaken: bool = False
    form: str | None = None
    rows_left_out: int = 0
    completeness: Completeness | None = None

    def holds(self, pair: Pair, form: str) -> bool:
        """Whether `pair` is in, in this form."""
        return self.published == pair and self.form == form

    def refuses(self, pair: Pair) -> bool:
        """Whether a newer pair is in or has begun."""
        return any(other is not None and other.rank > pair.rank for other in (self.published, self.begun))

    @property
    def highest(self) -> Pair | None:
        """The pair that refuses the most."""
        pairs = (pair for pair in (self.published, self.begun) if pair is not None)
        return max(pairs, key=attrgetter("rank"), default=None)

    def must_write_all(self, pair: Pair) -> bool:
        """Whether a publish of `pair` may meet items that `published` does not cover."""
        unfinished = self.begun != self.published
        by_another = unfinished and self.begun != pair
        return by_another or self.overtaken or (unfinished and self.write_all)


def read_watermark(client: DynamoDBClient, table_name: str, *, keys: Keys) -> Pair | None:
    """(as_of_date, version) of what is published, whole; None before the first publish. Strongly consistent."""
    item = client.get_item(TableName=table_name, Key=own_key(keys, WATERMARK), ConsistentRead=True).get("Item", {})
    return pair_of(item)


def published_items(table: BudgetedTable, keys: Keys) -> list[Trace]:
    """What the watermark says of the publishes before: at most one trace, which has the highest version known."""
    item = table.get(own_key(keys, WATERMARK))
    if item is None:
        return []
    versions = [number(item[name]) for name in (GOLD_VERSION, BEGUN_VERSION) if name in item]
    return [trace_of(item, max(versions, default=0))]


def load(table: BudgetedTable, keys: Keys) -> Watermark:
    """The watermark as it is now; every part empty before the first publish."""
    item = table.get(own_key(keys, WATERMARK)) or {}
    return Watermark(
        published=pair_of(item),
        begun=pair_of(item, BEGUN_AS_OF, BEGUN_VERSION),
        write_all=WRITE_ALL in item,
        overtaken=OVERTAKEN in item,
        form=str(item[ITEM_FORM]["S"]) if ITEM_FORM in item else None,
        rows_left_out=number(item[ROWS_LEFT_OUT]) if ROWS_LEFT_OUT in item else 0,
        completeness=Completeness.of_item(item),
    )


def begin(table: BudgetedTable, keys: Keys, pair: Pair, form: str) -> tuple[Watermark, bool]:
    """Announce `pair`, unless it is in or refused: the watermark found, and whether every item has to be written.

    From the first item of another `form` until the last, the watermark says none.

    Raises:
        TransientError: others announced theirs between our reading and writing, again and again.
    """
    for _ in range(MOST_ATTEMPTS):
        found = load(table, keys)
        if found.holds(pair, form) or found.refuses(pair):
            return found, False
        write_all = found.must_write_all(pair)
        change = f"SET {BEGUN_AS_OF} = :as_of, {BEGUN_VERSION} = :version"
        change += f", {WRITE_ALL} = :true REMOVE {OVERTAKEN}" if write_all else f" REMOVE {WRITE_ALL}, {OVERTAKEN}"
        change += "" if found.form == form else f", {ITEM_FORM}"
        values = pair_values(pair) | (to_item({":true": True}) if write_all else {})
        if table.update(own_key(keys, WATERMARK), change, _still(found, values)).accepted:
            return found, write_all
    raise TransientError(
        f"other publishes to {table.name} began at the same moment, {MOST_ATTEMPTS} times",
        do="run this publish again; let one publish run at a time",
    )


def guard(keys: Keys, pair: Pair) -> Guard:
    """What a transaction checks before it makes new items: that no newer publish has begun since `pair` did."""
    return Guard(own_key(keys, WATERMARK), WriteCondition(BEGUN, pair_values(pair)))


def finish(
    table: BudgetedTable,
    keys: Keys,
    pair: Pair,
    *,
    table_id: str,
    run_id: str,
    now: datetime,
    form: str,
    rows_left_out: int,
    completeness: Completeness | None = None,
) -> bool:
    """Move the watermark to `pair` of the Gold table `table_id`; False when a newer publish has begun since."""
    change = f"SET {AS_OF_DATE} = :as_of, {GOLD_VERSION} = :version, {TABLE_ID} = :table_id"
    change += f", {KEY_ENCODING} = :encoding, {ITEM_FORM} = :form, {ROWS_LEFT_OUT} = :left_out"
    change += ", published_at = :now, run_id = :run_id"
    change += f", {SAID}" if completeness else ""
    change += f" REMOVE {WRITE_ALL}" if completeness else f" REMOVE {WRITE_ALL}, {COMPLETE_UNTIL}, {IS_COMPLETE}"
    facts = {":now": now.isoformat(), ":run_id": run_id, ":table_id": table_id}
    condition = WriteCondition(
        f"{BEGUN} AND (attribute_not_exists({ITEM_FORM}) OR {LOWER})",
        lower_values(pair)
        | to_item(facts | {":encoding": ENCODED_WITH, ":form": form, ":left_out": rows_left_out})
        | (completeness.values if completeness else {}),
    )
    answer = table.update(own_key(keys, WATERMARK), change, condition)
    return answer.accepted or pair_of(answer.existing) == pair


def say_surer(table: BudgetedTable, keys: Keys, pair: Pair, completeness: Completeness) -> bool:
    """Say that what is published under `pair` is surer by now; False where another pair is in, or it says so."""
    condition = WriteCondition(f"{EQUAL} AND {SURER}", pair_values(pair) | completeness.values)
    return table.update(own_key(keys, WATERMARK), f"SET {SAID}", condition).accepted


def report_overtaken(table: BudgetedTable, keys: Keys) -> None:
    """Tell the next publish that items may have been written after a newer one had looked."""
    always = WriteCondition(KEY_EXISTS, to_item({":true": True}), key_names(keys))
    table.update(own_key(keys, WATERMARK), f"SET {OVERTAKEN} = :true", always)


def _still(found: Watermark, values: Item) -> WriteCondition:
    """The condition that nobody began or was overtaken since `found` was read."""
    parts = [f"attribute_{'' if found.overtaken else 'not_'}exists({OVERTAKEN})"]
    if found.begun is None:
        parts.append(f"attribute_not_exists({BEGUN_VERSION})")
    else:
        parts.append(f"{BEGUN_AS_OF} = :begun_as_of AND {BEGUN_VERSION} = :begun_version")
        values = values | to_item({":begun_as_of": found.begun.as_of, ":begun_version": found.begun.version})
    # What had begun may be in by now: then there is nothing unfinished, and more to compare with.
    if found.published is None:
        parts.append(f"attribute_not_exists({GOLD_VERSION})")
    else:
        parts.append(f"{AS_OF_DATE} = :in_as_of AND {GOLD_VERSION} = :in_version")
        values = values | to_item({":in_as_of": found.published.as_of, ":in_version": found.published.version})
    return WriteCondition(" AND ".join(parts), values)
