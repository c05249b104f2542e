"""Publishing a day as a whole: rows under a new version, then one conditional write moves the day's pointer (rule P1).

Belongs here: the order of the steps, which makes every one of them safe to repeat or to be killed in.
Does not: charging and repeating requests, or how a day is read.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from medallion_assets.contracts.published import DAY_KEYS, EXPIRES_AT
from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.publishing.attributes import Item, number, to_item
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable, WriteCondition
from medallion_assets.publishing.completeness import COMPLETE_UNTIL, SURER, Completeness
from medallion_assets.publishing.keys import MOST_SORT_KEY_BYTES
from medallion_assets.publishing.owner import Trace, trace_of
from medallion_assets.publishing.publisher import Outcome, Publish, PublishResult
from medallion_assets.publishing.unpublishable import LeftOut, item_or_reason, key_rules

POINTER = "#current"
EXPIRE_AFTER_SECONDS = 86_400
"""Superseded rows stay a day: longer than any reader holds on to a pointer."""
EXPIRY = to_item({EXPIRES_AT: 10**10 - 1})
"""Room for the expiry that a row gets when it is superseded: a moment has 10 digits until the year 2286."""


class DayKeys(NamedTuple):
    """How the keys of a table of days are called: that of the day, and that of its rows."""

    day: str
    row: str

    def key(self, day: date, row: str) -> Item:
        """The key of a row, or of an item of our own."""
        return {self.day: {"S": day.isoformat()}, self.row: {"S": row}}

    @property
    def names(self) -> Mapping[str, str]:
        """What the placeholders of expressions mean: a name of a user's may be a word that DynamoDB reserves."""
        return {"#day": self.day, "#row": self.row}

    def rows_of_version(self, day: date, version: int) -> dict[str, Any]:
        """The query that finds the rows of one version of one day."""
        return {
            "KeyConditionExpression": "#day = :day AND begins_with(#row, :version)",
            "ExpressionAttributeNames": self.names,
            "ExpressionAttributeValues": {":day": {"S": day.isoformat()}, ":version": {"S": version_prefix(version)}},
        }


USUAL = DayKeys(*DAY_KEYS)


def publish_day(
    publish: Publish,
    day: date,
    rows: Iterable[Mapping[str, object]],
    *,
    key_columns: Sequence[str],
    keys: DayKeys = USUAL,
    completeness: Completeness | None = None,
) -> PublishResult:
    """Make `rows` what readers see of `day`, unless they see this version or a newer one.

    The pointer says their `completeness`, and says it anew alone where it has only become surer.

    `key_columns` tell the rows of a day apart. An interrupted call is completed by calling again with the same
    arguments. Superseded rows expire EXPIRE_AFTER_SECONDS later. Rows that DynamoDB cannot take are left out (rule
    P4).

    Raises:
        PermanentError: two rows have the same key, a value has a type without an exact form, another publish took over,
            or DynamoDB refuses for good.
        TransientError: DynamoDB gave no answer or no capacity for about a minute, or lost rows.
    """
    table, version = publish.table, publish.source.number
    began_at = table.limiter.clock()
    items, left_out = _row_items(publish, keys, day, rows, key_columns)
    counts = {"row_count": len(items), "rows_left_out": left_out.count}
    rows_in = _Counter(publish.progress)
    table.expect_turn()
    pointer = table.get(keys.key(day, POINTER))
    current = number(pointer["version"]) if pointer else None
    outcome: Outcome = "superseded"
    if current is None or current < version:
        _write_rows(table, keys, day, version, items, rows_in)
        _check_count(table, keys, day, version, len(items))
        table.expect_turn()
        outcome, current = _move_pointer(publish, keys, day, counts, completeness)
    elif current == version:
        outcome = "unchanged"
        # Its rows stay as they are, also where others would be left out by now.
        counts |= {name: number(pointer[name]) for name in counts if pointer and name in pointer}
        left_out = left_out.of_count(counts["rows_left_out"])
        if completeness is not None and completeness.is_surer_than(pointer or {}):
            outcome, current = _move_pointer(publish, keys, day, counts, completeness)
    return publish.done(
        outcome,
        written=rows_in.count,
        deleted=_expire_superseded(table, keys, day, current, int(publish.now.timestamp()) + EXPIRE_AFTER_SECONDS),
        left_out=left_out,
        began_at=began_at,
        newest=current if outcome == "superseded" else None,
    )


def published_days(table: BudgetedTable, keys: DayKeys) -> list[Trace]:
    """What the pointers of all days say of the publishes that moved them; the whole table is scanned for them."""
    found = table.scan(
        FilterExpression="#row = :pointer",
        ExpressionAttributeNames={"#row": keys.row},
        ExpressionAttributeValues=to_item({":pointer": POINTER}),
    )
    return [trace_of(pointer, number(pointer["version"])) for pointer in found]


def version_prefix(version: int) -> str:
    """What the row keys of a version begin with."""
    return f"{version:012d}#"


def row_key(version: int, values: Sequence[str | None]) -> str:
    """`<version>#value#value#value`; `#` and `%` within a value are percent-encoded, so that no two rows share a key.

    A value that is missing is `%null`, which no text becomes.
    Values too long for a DynamoDB key (1,024 bytes) are replaced by their hash: the key only has to tell rows apart.
    """
    parts = "#".join("%null" if value is None else value.replace("%", "%25").replace("#", "%23") for value in values)
    key = version_prefix(version) + parts
    if len(key.encode()) <= MOST_SORT_KEY_BYTES:
        return key
    return f"{version_prefix(version)}%sha256:{hashlib.sha256(parts.encode()).hexdigest()}"


class _Counter:
    """Counts rows over several threads and passes the count on."""

    def __init__(self, progress: Callable[[int], object] = lambda _: None) -> None:
        self.count = 0
        self._progress = progress
        self._counting = threading.Lock()

    def add(self, more: int) -> None:
        with self._counting:
            self.count += more
            self._progress(self.count)


def _row_items(
    publish: Publish, keys: DayKeys, day: date, rows: Iterable[Mapping[str, object]], key_columns: Sequence[str]
) -> tuple[dict[str, Item], LeftOut]:
    """The items of a version by row key, and the rows that are left out of it."""
    items: dict[str, Item] = {}
    left_out, rules = LeftOut(), (*key_rules(keys), *publish.index_rules)
    seen: set[str] = set()
    for row in rows:
        values = [None if row[column] is None else str(row[column]) for column in key_columns]
        key = row_key(publish.source.number, values)
        if key in seen:
            raise PermanentError(
                "two Gold rows of a day have the same key",
                where=publish.table.name,
                expected=f"one row of {day} for each {', '.join(key_columns)}",
                found=key,
                do="see that compute of the Gold table groups by its key, then run `medallion rebuild` for the table",
            )
        seen.add(key)
        item, reason = item_or_reason(row, keys.key(day, key), rules, later=EXPIRY)
        if reason is None:
            items[key] = item
        else:
            left_out.add(f"{day} {'#'.join(map(str, values))}", reason)
    return items, left_out


def _write_rows(
    table: BudgetedTable, keys: DayKeys, day: date, version: int, items: Mapping[str, Item], rows_in: _Counter
) -> None:
    """Put what is not there yet: an interrupted publish of the same version left some of it, or something else."""
    there = {str(item[keys.row]["S"]): item for item in table.query(**keys.rows_of_version(day, version))}
    table.delete_all((keys.key(day, key) for key in there if key not in items), lambda _: None)
    table.put_all((item for key, item in items.items() if there.get(key) != item), rows_in.add)


def _check_count(table: BudgetedTable, keys: DayKeys, day: date, version: int, expected: int) -> None:
    found = table.count(**keys.rows_of_version(day, version))
    if found != expected:
        raise TransientError(
            f"{table.name} does not hold all rows of a day; its pointer was not moved",
            expected=f"{expected} rows of {day} at version {version}",
            found=f"{found} rows",
            do="run this publish again: it puts what is missing",
        )


def _move_pointer(
    publish: Publish, keys: DayKeys, day: date, counts: Mapping[str, int], completeness: Completeness | None
) -> tuple[Outcome, int]:
    """What became of the pointer, and the version that it has afterwards; (version, `complete_until`) only rises."""
    version = publish.source.number
    facts = {"version": version, "table_id": publish.source.table_id, **counts}
    said = {**facts, **(completeness.attributes if completeness else {}), "published_at": publish.now.isoformat()}
    pointer = keys.key(day, POINTER) | to_item({**said, "run_id": publish.run_id})
    names = {"#row": keys.row}
    lower = WriteCondition("attribute_not_exists(#row) OR version < :version", {":version": pointer["version"]}, names)
    if completeness is not None:
        surer = f"version = :version AND {SURER}"
        until = {f":{COMPLETE_UNTIL}": pointer[COMPLETE_UNTIL]}
        lower = WriteCondition(f"{lower.expression} OR ({surer})", lower.values | until, names)
    answer = publish.table.put(pointer, lower)
    if answer.accepted:
        return "published", version
    current = number(answer.existing["version"])
    if current > version:
        return "superseded", current
    # The same version, as sure or surer: another run moved it, or this one did and the answer was lost.
    return ("published" if answer.existing["run_id"] == pointer["run_id"] else "unchanged"), current


def _expire_superseded(table: BudgetedTable, keys: DayKeys, day: date, current: int, expires_at: int) -> int:
    """Give rows of versions below `current` their expiry; returns how many had none yet.

    Versions above `current` are being written by somebody. A row is put whole: as nothing reads or changes rows of a
    superseded version, that is safe without a condition, and 25 fit in a request.
    """
    superseded = table.query(
        KeyConditionExpression="#day = :day AND #row BETWEEN :first AND :current",
        ExpressionAttributeNames=keys.names,
        FilterExpression=f"attribute_not_exists({EXPIRES_AT})",
        ExpressionAttributeValues={
            ":day": {"S": day.isoformat()},
            ":first": {"S": "0"},
            ":current": {"S": f"{current:012d}"},
        },
    )
    expired = _Counter()
    expiry = to_item({EXPIRES_AT: expires_at})
    table.put_all((item | expiry for item in superseded), expired.add)
    return expired.count
