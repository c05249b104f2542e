"""Refusals: whether a batch that was refused still is as it was then (rule B2).

Belongs here: what is remembered of it, until it is gone, and asking for as little of it as answers that question.
Does not: the table of refusals; making the verdict (a source, the owner of the batch).

Three things can mend a refusal: a file of the batch's own folder, which the listing shows; the one file at fault,
where it lies in the folder that incremental batches share, is archived or may not be read; and what is known of the
source, by the declaration or by Bronze. While the file at fault is as it was, the batch cannot be whole, whatever else
has arrived: one request answers for 5,000 files. One that is dated ahead is mended by time as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from obstore.store import ObjectStore

from medallion_assets.contracts.owner import Owner
from medallion_assets.contracts.source import AHEAD_SLACK, DATED_AHEAD, WRONG_TABLE, BatchRefusedError, Found, Listing
from medallion_assets.refining.loading.owner import LOOKED_AT_AGAIN
from medallion_assets.refining.loading.refused_batches import GONE, RefusedBatch
from medallion_assets.storage.listing import list_objects
from medallion_assets.storage.stores import state_of

READERS = 16
NOT_ASKED = "?"
"""Stands for the state of a file that changed while it was judged: it is no file's state, so it is judged again."""

Key = tuple[str, str]


def fingerprints_now(
    store: ObjectStore,
    listing: Iterable[Found],
    refusals: Mapping[Key, RefusedBatch],
    owner: Owner,
    *,
    asked_at_most: int | None = None,
) -> dict[Key, str]:
    """The fingerprint of each batch as it is now, by (batch id, prefix); equal to that of its refusal if that holds.

    One request for each refused batch that has a file at fault; of more than `asked_at_most` the newest are asked
    about, and the others count as they were: old ones may stay refused for good, and must not keep those of today out.

    Raises:
        PermanentError, TransientError: the store refuses the place, or did not answer.
    """
    batches = list(listing)
    known = {key: refusals[key] for batch in batches if (key := (batch.id, batch.prefix)) in refusals}
    files = {key: refusal.file for key, refusal in sorted(known.items(), reverse=True) if refusal.file is not None}
    asked = list(files.items())[:asked_at_most]
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(lambda item: state_of(store, item[1]), asked))
    states = dict(zip((key for key, _ in asked), found, strict=True))
    now = {}
    for batch in batches:
        key = (batch.id, batch.prefix)
        refusal = known.get(key)
        if refusal is None:
            now[key] = batch.fingerprint
        elif key in files and key not in states:
            now[key] = refusal.fingerprint if refusal.fingerprint.startswith(batch.fingerprint) else batch.fingerprint
        else:
            now[key] = _fingerprint(batch, refusal.verdict, states.get(key), owner)
    return now


def expect_not_ahead(found: Found, now: datetime) -> None:
    """Refuse a batch that reaches into the future (rule F8).

    Raises:
        BatchRefusedError: it does.
    """
    if found.is_dated_ahead(now):
        raise BatchRefusedError(
            DATED_AHEAD,
            f"{found.id} refused: {DATED_AHEAD}",
            expected=f"a moment until {now + AHEAD_SLACK:%Y-%m-%d %H:%M} UTC",
            found=f"{found.reaches_until:%Y-%m-%d %H:%M} UTC",
            do="copy it again, or `touch` it, so that its time is that of its writing; check the clock of the "
            "machine that wrote it, and of this one. It is checked again when it changes, or once that moment has come",
        )


def is_due(refusal: RefusedBatch, found: Found, now: datetime) -> bool:
    """Whether time alone has mended a refusal."""
    return refusal.verdict == DATED_AHEAD and not found.is_dated_ahead(now)


def refusal_of(found: Found, refused: BatchRefusedError, owner: Owner, *, now: datetime) -> RefusedBatch:
    """What is remembered of a batch that was refused just now."""
    state, parts = None if refused.watched is None else refused.state or NOT_ASKED, refused.parts
    return RefusedBatch(
        table_name=owner.table,
        export_id=found.id,
        prefix=found.prefix,
        verdict=str(refused.verdict),
        message=str(refused),
        fingerprint=_fingerprint(found, str(refused.verdict), state, owner),
        judged_at=now,
        file=refused.watched,
        what=refused.headline,
        expected=parts["expected"],
        found=parts["found"],
        do=parts["do"],
    )


def gone(
    store: ObjectStore, listing: Listing, refusals: Mapping[Key, RefusedBatch], held: Collection[str], now: datetime
) -> list[RefusedBatch]:
    """What ends the refusals of batches that lie there no more, by a look at everything; those `held` are in.

    A look that left something out, or a place that is empty, tells of none: a disk that is not mounted looks empty.
    """
    there = {(found.id, found.prefix) for found in listing.batches}
    left = [refusal for key, refusal in refusals.items() if key not in there and refusal.export_id not in held]
    is_partial = bool(listing.unseen) or listing.rest is not None
    if not left or is_partial or next(iter(list_objects(store)), None) is None:
        return []
    return [
        RefusedBatch(
            table_name=refusal.table_name,
            export_id=refusal.export_id,
            prefix=refusal.prefix,
            verdict=GONE,
            message=f"{refusal.export_id}, which was refused ({refusal.verdict}), lies there no more",
            fingerprint="",
            judged_at=now,
        )
        for refusal in left
    ]


def _fingerprint(found: Found, verdict: str, state: str | None, owner: Owner) -> str:
    judged_by = ""
    if verdict == WRONG_TABLE:
        judged_by = owner.declared_text
    elif verdict in LOOKED_AT_AGAIN:  # what they ask of a person depends on the owner as well
        judged_by = f"{owner.declared_text} of {owner.name}"
    if state is None and not judged_by:
        return found.fingerprint
    digest = hashlib.blake2b(f"{state}\n{judged_by}".encode(), digest_size=8).hexdigest()
    return f"{found.fingerprint}-{digest}"
