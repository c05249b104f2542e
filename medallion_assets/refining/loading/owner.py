"""The owner of a Bronze table: which table's batches it takes, and what happens when that changes (rule B3).

Belongs here: the owner's name, by the declaration or by what was loaded first, and its origin.
Does not: loading, or asking for a decision.

A DynamoDB table is its ARN, the name, and its `tableId`, the origin. The name of the first batch's owner stands in a
note of every commit that loads one. Bronze tables of earlier releases lack it: it is read from the batches that are in,
once. Where these are gone, a batch of an origin that is in tells it, and the note says that this was presumed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from obstore.store import ObjectStore

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.owner import FULL_BATCH_MISSING, TABLE_RECREATED, Owner
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.source import BatchRefusedError, Found, Source
from medallion_assets.delta.notes.commit_notes import commit_note
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.refining.bronze import batches_since, last_load, latest_origin, loaded_ids, origins_held
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction
from medallion_assets.refining.ledger.origins import begins_after, numbers_of

SOURCE_ARN_NOTE = "medallion_source_arn"
"""The commit note with the owner of the batch that was loaded first."""
SOURCE_PRESUMED_NOTE = "medallion_source_presumed_from"
"""Beside it: the batch that told the owner, where nothing but an equal origin said that it is the table's own."""
FORMER_TABLE = "former_table"
"""A batch is in, but of a table that another one followed, and taken after that: it is told once."""
LOOKED_AT_AGAIN = (TABLE_RECREATED, FULL_BATCH_MISSING)
"""What a decision or another batch mends, while the batch's own files stay as they are."""


class TableRecreatedError(BatchRefusedError):
    """A batch of a table that was made anew cannot be loaded yet; `verdict` is one of LOOKED_AT_AGAIN."""


def owner_known(loaded: Loaded, bronze: Snapshot | None) -> Owner:
    """As declared, or else as Bronze recorded it. Where batches name no owner, the log is not read for one."""
    owner = loaded.owner
    if owner.name is not None or bronze is None or not loaded.source.names_owner:
        return owner
    commit = last_load(bronze, SOURCE_ARN_NOTE) or {}
    name, presumed_from = (commit_note(commit, note) for note in (SOURCE_ARN_NOTE, SOURCE_PRESUMED_NOTE))
    return replace(owner, name=name, presumed_from=presumed_from)


def owner_notes(owner: Owner) -> dict[str, object]:
    """What the commit of a batch says of its owner."""
    notes = {SOURCE_ARN_NOTE: owner.name, SOURCE_PRESUMED_NOTE: owner.presumed_from}
    return {name: value for name, value in notes.items() if value is not None}


def owner_of_what_is_in(
    source: Source, place: ObjectStore, found: Iterable[Found], bronze: Snapshot, accepts: Collection[str] = ()
) -> str | None:
    """For a table of an earlier release: the owner of a batch that is in and still lies there."""
    latest = latest_origin(bronze)
    for candidate in found:
        try:
            batch = source.read(place, candidate).batch
        except BatchRefusedError:
            continue
        if batch.owner not in accepts and (latest is None or latest[1] in (None, batch.origin)):
            return batch.owner
    return None


def expect_same_table(bronze: Snapshot, batch: Batch, owner: Owner, decisions: Mapping[str, Decision]) -> None:
    """Refuse a batch of another origin, until a person confirms it; the new chain begins with a full batch.

    A late batch of an origin that was loaded from before is older than the new table, and its records lose to that.

    Raises:
        TableRecreatedError: the table was dropped and made anew, restored, or moved.
    """
    latest = latest_origin(bronze)
    if batch.origin is None or latest is None or latest[1] in (None, batch.origin):
        return
    if batch.origin in origins_held(bronze).values():
        return
    table_name = bronze.table.short_name
    decision = decisions.get(batch.origin)
    is_named = owner.name is not None or batch.owner in owner.accepts
    # A confirmation says that a table was made anew; it does not say that a stranger is ours.
    confirmed = is_named and decision is not None and decision.action is DecisionAction.CONFIRM_TABLE
    if confirmed and batch.is_full:
        return
    if confirmed:
        do = "make a full export of the new table; its incremental exports follow that"
    elif not is_named:
        do = (
            f"it is not recorded whose table was loaded before: if {batch.owner} is yours, name it as `source_arn` "
            f"where {table_name} is declared, then run bronze/{table_name}; if it is not, move the export away"
        )
    else:
        do = f"if that was meant, run bronze/{table_name} with confirm_table_id: {batch.origin}"
    raise TableRecreatedError(
        FULL_BATCH_MISSING if confirmed else TABLE_RECREATED,
        f"export {batch.id} is of a table that was dropped and recreated, restored, or moved",
        where=bronze.table.name,
        expected=f"tableId {latest[1]}, as in export {latest[0]}",
        found=f"tableId {batch.origin} of {batch.owner}",
        do=do,
    )


def why_outdated(bronze: Snapshot, source: Source, batch: Batch, decisions: Mapping[str, Decision]) -> str | None:
    """Why none of a batch's records counts: it is of a former table, and begins after a later one took over.

    It may be harmless, as when batches of the former table went on for a while; or the table was moved back to.
    """
    numbers = numbers_of(decisions)
    own = numbers.get(batch.origin or "", 0)
    if own == len(numbers):
        return None
    rejected = {decision.subject for decision in decisions.values() if decision.action is DecisionAction.REJECT}
    held = loaded_ids(bronze) - rejected
    later = [
        known
        for known in batches_since(bronze, -1, source)
        if known.is_full and numbers.get(known.origin or "", 0) > own and known.id in held
    ]
    first = min(later, key=lambda known: known.decides_at, default=None)
    if first is None or not begins_after(batch, first.decides_at):
        return None
    return str(
        PermanentError(
            f"nothing of export {batch.id} counts, for it begins after its table ended",
            where=bronze.table.name,
            expected=f"exports of the table that was confirmed since, as {first.id} (tableId {first.origin})",
            found=f"tableId {batch.origin}, whose records count until {first.covers_until.isoformat()}",
            do="stop exporting the former table. If it is the right one again: restore a backup of it as a new table, "
            "and confirm the tableId of that; a table that another one followed cannot be gone back to",
        )
    )


def expect_new_table_id(bronze: Snapshot, table_id: str) -> None:
    """Refuse to confirm a table of which batches are in: its records would count as the newest table's.

    Raises:
        PermanentError: it is no new one.
    """
    known = next((batch_id for batch_id, origin in origins_held(bronze).items() if origin == table_id), None)
    if known is not None:
        raise PermanentError(
            f"tableId {table_id} cannot be confirmed",
            where=bronze.table.name,
            expected="the id of a table of which nothing is loaded",
            found=f"export {known} of it, which is in",
            do="leave confirm_table_id out; confirm only what a refused export asks for (table_recreated)",
        )
