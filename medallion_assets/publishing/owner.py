"""The owner of a serving table: one lakehouse, and one Gold table of it (rule P5).

Belongs here: the `#owner` item, its conditional changes, and what may be known of a table that has none.
Does not: whether a table without an owner may be adopted, or publishing.

Each change of the owner begins a generation. A publish is numbered by its generation first, so a slow publisher of a
former Gold table or lakehouse loses every comparison from then on, and its rows never share a key with newer ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.errors.reasons import REASON
from medallion_assets.publishing.attributes import Item, number, to_item
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable, WriteCondition
from medallion_assets.publishing.keys import KEY_ABSENT, OWNER, Keys, key_names, own_key

TABLE_ID = "table_id"
REQUIRED = {"lakehouse_id", "place", TABLE_ID, "since", "by", "generation"}
"""Attributes without which an item says nothing of an owner."""
SAME_OWNER = "lakehouse_id = :lakehouse AND generation = :generation"
"""The condition that the owner is still that of `owner_values`."""
MOST_ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOwner:
    """Who publishes to a serving table, or wants to: a lakehouse (its id, and where it lay), and Gold's Delta table id.

    `by` is the person or trigger that made it so at `since`, `why` what a person said who handed the table over.
    """

    lakehouse_id: str
    place: str
    table_id: str
    since: datetime
    by: str
    why: str | None = None
    generation: int = 0

    def __str__(self) -> str:
        return f"lakehouse {self.lakehouse_id} at {self.place}, since {self.since:%Y-%m-%d %H:%M %Z} by {self.by}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a publish left that tells whose it was: its number and run, and Gold's table id since there are owners."""

    number: int
    run_id: str | None
    published_at: datetime | None
    table_id: str | None


def trace_of(item: Mapping[str, Mapping[str, str | bool]], version: int) -> Trace:
    """The trace that a pointer or watermark is, whoever wrote it."""
    text = {name: str(item[name].get("S", "")) for name in ("run_id", "published_at", TABLE_ID) if name in item}
    return Trace(
        number=version,
        run_id=text.get("run_id"),
        published_at=_moment(text.get("published_at")),
        table_id=text.get(TABLE_ID),
    )


def claim(
    table: BudgetedTable,
    keys: Keys,
    wish: ServingOwner,
    *,
    first_generation: Callable[[], int],
    is_latest: Callable[[], bool],
) -> ServingOwner:
    """See that `wish` owns the table, before its first row is written; the generation of the answer numbers publishes.

    `first_generation` says where a table without an owner begins, or refuses it. A Gold table that was made anew takes
    over from the one before, if it `is_latest`: if the lakehouse still holds that very table.

    Raises:
        PermanentError: the table belongs to another lakehouse.
        TransientError: Gold was made anew while this publish was under way, or others changed the owner all the time.
    """
    for _ in range(MOST_ATTEMPTS):
        seen = read_owner(table, keys)
        if seen is None:
            wanted = replace(wish, generation=first_generation())
        elif seen.lakehouse_id != wish.lakehouse_id:
            raise PermanentError(
                f"DynamoDB table {table.name} belongs to another lakehouse",
                expected=f"lakehouse {wish.lakehouse_id} at {wish.place}, or none",
                found=seen,
                do=remedy(table.name),
            )
        elif seen.table_id == wish.table_id:
            return seen
        elif is_latest():
            wanted = replace(wish, generation=seen.generation + 1)
        else:
            raise TransientError(
                f"the Gold table of {table.name} was recreated during this publish",
                expected=f"table {wish.table_id}",
                found=f"table {seen.table_id} owns it",
                do="run this publish again: it reads Gold as it is now",
            )
        if replace_owner(table, keys, seen, wanted):
            return wanted
    raise TransientError(
        f"the owner of DynamoDB table {table.name} changed {MOST_ATTEMPTS} times while this publish looked at it",
        do="run this publish again; let one lakehouse publish to it",
    )


def read_owner(table: BudgetedTable, keys: Keys) -> ServingOwner | None:
    """The owner; None when the table has none (yet).

    Raises:
        PermanentError: an item under its key says something else.
    """
    item = table.get(own_key(keys, OWNER))
    if item is None:
        return None
    if missing := REQUIRED - item.keys():
        raise PermanentError(
            f"DynamoDB table {table.name} has an item {OWNER} that says nothing of an owner",
            expected="who publishes to the table",
            found=f"no {', '.join(sorted(missing))}",
            do="remove that item if nobody needs it, or publish to your own tables: set MEDALLION_SERVING_PREFIX",
        )
    why = item.get("why", {}).get("S")
    return ServingOwner(
        lakehouse_id=str(item["lakehouse_id"]["S"]),
        place=str(item["place"]["S"]),
        table_id=str(item[TABLE_ID]["S"]),
        generation=number(item["generation"]),
        since=datetime.fromisoformat(str(item["since"]["S"])),
        by=str(item["by"]["S"]),
        why=None if why is None else str(why),
    )


def replace_owner(table: BudgetedTable, keys: Keys, seen: ServingOwner | None, wanted: ServingOwner) -> bool:
    """Write the owner if it is still the one that was `seen`; whether it is the wanted one now."""
    condition = WriteCondition(KEY_ABSENT, {}, key_names(keys))
    if seen is not None:
        condition = WriteCondition(SAME_OWNER, owner_values(seen))
    item = own_key(keys, OWNER) | to_item(asdict(wanted))
    answer = table.put(item, condition)
    return answer.accepted or answer.existing == item  # the answer to our own write was lost


def owner_values(owner: ServingOwner) -> Item:
    """The values of SAME_OWNER."""
    return to_item({":lakehouse": owner.lakehouse_id, ":generation": owner.generation})


def remedy(table_name: str) -> str:
    """What a person does about a table that belongs to somebody else, or to nobody known."""
    return (
        "publish to your own tables, whose names begin with MEDALLION_SERVING_PREFIX; or, if this lakehouse is to "
        f"publish there from now on and no other: `medallion serving hand-over {table_name} --why '{REASON}'`"
    )


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
