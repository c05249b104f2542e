"""File arrival: which batches wait to be loaded, and whether to ask for a run that loads them.

Belongs here: when to ask, as pure functions of the clock, the cursor, and what lies there and is known of it.
Does not: looking, when and how often to ask, or loading, which takes every complete batch that is not in, whatever was
asked for.

A tick lists what comes after the cursor's position, of a large place below a few prefixes alone. The position passes no
batch that is neither loaded nor refused for good, unless it is remembered. A copy that lands late, with an id below the
position, is found by the look at everything that begins every FULL_LISTING_SECONDS, and goes on over several ticks. The
quiet time counts from the tick that saw the change: copies may keep the times of their originals.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Literal

from medallion_assets.contracts.documents import Moment
from medallion_assets.contracts.owner import FULL_BATCH_MISSING, TABLE_RECREATED
from medallion_assets.contracts.policies import Timers
from medallion_assets.contracts.source import Found, Listing
from medallion_assets.errors.counted import number_of
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction
from medallion_assets.refining.loading.owner import LOOKED_AT_AGAIN
from medallion_assets.refining.loading.refusals import is_due
from medallion_assets.refining.loading.refused_batches import RefusedBatch
from medallion_assets.triggers.asking import Asking, asking
from medallion_assets.triggers.debounce import DebounceState, Observation, signature_of
from medallion_assets.triggers.look_limits import LIMITS, LookLimits
from medallion_assets.triggers.prefixes import Prefixes
from medallion_assets.triggers.rounds import Key, Remembered, Round, key_of, merged

FULL_LISTING_SECONDS = 600
FULL_LISTING = timedelta(seconds=FULL_LISTING_SECONDS)
NEW_FOLDER = timedelta(seconds=60)
"""Where a new folder was noticed everything is looked at so long after the last time: folders may come and go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalCursor:
    """What a sensor remembers; an empty one looks at everything once more.

    `listing` stands for all unsettled batches as they were seen last, and `changed_at` is when that changed.
    `listed_whole_at` is when the last look at everything began, `round` where the one stands that is under way.
    """

    version: Literal[1] = 1
    position: str | None = None
    listed_whole_at: Moment | None = None
    listing: str | None = None
    changed_at: Moment | None = None
    prefixes: Prefixes = field(default_factory=Prefixes)
    round: Round | None = None
    remembered: tuple[Remembered, ...] = ()
    state: DebounceState = field(default_factory=DebounceState)

    @property
    def knows_the_place(self) -> bool:
        """Whether everything was listed once, so that a quick look has where to look."""
        return self.listed_whole_at is not None

    def lists_everything(self, now: datetime, *, ids_ascend: bool = True) -> bool:
        """Whether this tick lists everything, or a share of it, and not only what comes after the position."""
        if self.round is not None or self.listed_whole_at is None or now < self.listed_whole_at:
            return True
        if self.prefixes.last is None and (self.position is None or not ids_ascend):  # it is small
            return True
        return now >= self.listed_whole_at + (NEW_FOLDER if self.prefixes.has_new_folder else FULL_LISTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """What lies there. `settled` are ids that need no second look; the four of batches are disjoint.

    `waiting` have no summary yet. `refused` are as they were when they were refused. `behind` come after a batch of
    a table that was made anew, and nobody has confirmed that table yet (rule B3). `unseen` are folders that were not
    looked into: the next run says why. `place` says what is wrong with a place where no batch lies, while none is in.
    `prefixes` are where the next tick looks. `is_whole`: a look at everything has ended; `round` is one that has not.
    `listed` are all that are known, of which `far` ones were not seen now, or would not be seen at the next tick.
    `limits` are those of the looks. `word` is what people call a batch of it, and `listed_as` is the source's.
    """

    pending: Sequence[Found] = ()
    waiting: Sequence[Found] = ()
    refused: Sequence[Found] = ()
    behind: Sequence[Found] = ()
    settled: Collection[str] = frozenset()
    is_whole: bool = False
    unseen: Collection[str] = ()
    place: str = ""
    prefixes: Prefixes = field(default_factory=Prefixes)
    round: Round | None = None
    listed: Mapping[Key, Remembered] = field(default_factory=dict)
    far: Collection[Key] = frozenset()
    limits: LookLimits = LIMITS
    word: str = "batch"
    listed_as: Callable[[str], str] = str

    @property
    def unsettled(self) -> list[Found]:
        """All but the settled ones."""
        return [*self.pending, *self.waiting, *self.refused, *self.behind]

    def held(self) -> Arrivals:
        """With the prefixes that every look has to see, and of what is unsettled elsewhere as much as is remembered."""
        near = [found.prefix for found in self.unsettled if key_of(found) not in self.far]
        prefixes = self.prefixes.holding(near, self.limits)
        far = [key for found in self.unsettled if (key := key_of(found)) in self.far or not prefixes.covers(key[1])]
        left_out = frozenset(far[self.limits.remembered :])

        def kept(batches: Sequence[Found]) -> list[Found]:
            return [found for found in batches if key_of(found) not in left_out]

        return replace(
            self,
            pending=kept(self.pending),
            waiting=kept(self.waiting),
            refused=kept(self.refused),
            behind=kept(self.behind),
            prefixes=prefixes,
            far=frozenset(far[: self.limits.remembered]),
        )

    def remembered(self) -> list[Remembered]:
        """The batches that the next tick may not see: the far ones and, as a quick look may be cut short, others."""
        keys = sorted(map(key_of, self.unsettled), key=lambda key: key not in self.far)
        return [self.listed[key] for key in sorted(keys[: self.limits.remembered]) if key in self.listed]

    def __str__(self) -> str:
        """Say for people what lies there and is not asked for."""
        parts = {"without a summary": self.waiting, "refused": self.refused, "behind a recreated table": self.behind}
        others = [f"{len(batches)} {what}" for what, batches in parts.items() if batches]
        others += [f"folders not examined: {len(self.unseen)}"] if self.unseen else []
        others += [self.place] if self.place else []
        return f"no new {self.word} ({', '.join(others)})" if others else f"no new {self.word}"


NOTHING = Arrivals()
"""Nothing lies there."""


def unsorted(
    cursor: ArrivalCursor,
    now: datetime,
    stands: Round,
    *,
    share: Listing | None,
    quick: Listing | None,
    limits: LookLimits = LIMITS,
    listed_as: Callable[[str], str] = str,
) -> Arrivals:
    """What a tick has listed, not sorted out yet: a `share` of everything, and a `quick` look where the cursor says it.

    `stands` is the round after the share.
    """
    is_whole = share is not None and share.rest is None
    prefixes = cursor.prefixes
    if share is not None and cursor.round is None:
        prefixes = replace(prefixes, has_new_folder=False)  # it will be looked into
    if quick is not None:
        prefixes, stands = prefixes.after(quick, limits, is_whole=False), stands.with_prefixes(quick, limits)
    if share is not None and is_whole:
        prefixes = prefixes.after(stands.whole(share), limits, is_whole=True)
    looks, seen_at = [listing for listing in (share, quick) if listing is not None], max(now, stands.began_at)
    covered, ended = _covered(cursor, quick, listed_as), stands if is_whole else None
    listed = merged(cursor.remembered, looks, seen_at, covered=covered, ended=ended)
    reaches_all = is_whole if quick is None else quick.rest is None
    seen = {key_of(found) for listing in looks for found in listing.batches}
    return Arrivals(
        is_whole=is_whole,
        round=None if share is None or is_whole else stands,
        unseen=[folder for listing in looks for folder in listing.unseen],
        prefixes=prefixes,
        listed=listed,
        far=listed.keys() - (listed if is_whole else seen) if reaches_all else listed.keys(),
        limits=limits,
        listed_as=listed_as,
    )


def _covered(cursor: ArrivalCursor, quick: Listing | None, listed_as: Callable[[str], str]) -> Callable[[Found], bool]:
    """Whether a quick look saw all that is where a batch was."""
    due = cursor.prefixes.due()

    def is_covered(found: Found) -> bool:
        is_behind = cursor.position is None or listed_as(found.id) > listed_as(cursor.position)
        return quick is not None and quick.rest is None and is_behind and (not due or found.prefix in due)

    return is_covered


def sort_out(
    listing: Iterable[Found],
    *,
    now: datetime,
    loaded: Collection[str],
    refusals: Mapping[tuple[str, str], RefusedBatch],
    decisions: Mapping[str, Decision],
    final_verdicts: Collection[str] = (),
    latest_table_id: str | None = None,
    seen: Arrivals = NOTHING,
) -> Arrivals:
    """What was `seen`, with which of the batches wait for what, in the order in which ingest takes them.

    Each fingerprint in `listing` is as `refusals.fingerprints_now` gives it: it differs once the contract has changed,
    or a file can be read. `loaded` are the ids that Bronze holds; `final_verdicts` are those of the source;
    `latest_table_id` is the DynamoDB table of the batch that Bronze loaded last.
    """
    pending: list[Found] = []
    waiting: list[Found] = []
    refused: list[Found] = []
    behind: list[Found] = []
    for_good: set[str] = set()
    is_stopped = False
    for found in sorted(listing, key=attrgetter("id", "prefix")):
        refusal = refusals.get((found.id, found.prefix))
        if found.id in loaded:
            continue
        if refusal is not None and refusal.verdict in final_verdicts and refusal.fingerprint == found.fingerprint:
            for_good.add(found.id)
        elif not found.is_complete:
            waiting.append(found)
        elif refusal is not None and _stands(refusal, found, now, decisions, latest_table_id):
            refused.append(found)
            is_stopped = is_stopped or refusal.verdict == TABLE_RECREATED
        else:
            is_again = refusal is not None and is_due(refusal, found, now)
            # Another signature, so that its attempts begin anew.
            asked = replace(found, fingerprint=f"{found.fingerprint}-due") if is_again else found
            (behind if is_stopped else pending).append(asked)
    return replace(seen, pending=pending, waiting=waiting, refused=refused, behind=behind, settled={*loaded, *for_good})


def evaluate(now: datetime, cursor: ArrivalCursor, arrivals: Arrivals, timers: Timers) -> Asking[ArrivalCursor, Found]:
    """Whether to ask for a run now. Nobody asks while a run is at work: see `asking.while_active`."""
    arrivals = arrivals.held()
    listing = signature_of([[found.id, found.prefix, found.fingerprint] for found in arrivals.unsettled])
    changed_at = now if cursor.changed_at is None or listing != cursor.listing else min(cursor.changed_at, now)
    observation, what = None, str(arrivals)
    if arrivals.pending:
        wanted = [[found.id, found.prefix, found.fingerprint] for found in arrivals.pending]
        observation = Observation(signature=signature_of(wanted), changed_at=changed_at)
        what = number_of(len(arrivals.pending), arrivals.word)
    after = replace(
        cursor,
        position=_position(cursor, arrivals),
        listed_whole_at=_begun(now, cursor) if arrivals.is_whole else cursor.listed_whole_at,
        listing=listing,
        changed_at=changed_at,
        prefixes=arrivals.prefixes,
        round=arrivals.round,
        remembered=tuple(arrivals.remembered()),
    )
    again = "new files or a manual run start it again"
    return asking(now, after, observation, timers, wanted=arrivals.pending, what=what, again=again)


def _stands(
    refusal: RefusedBatch,
    found: Found,
    now: datetime,
    decisions: Mapping[str, Decision],
    latest_table_id: str | None,
) -> bool:
    """Whether a refusal holds: no file has changed, and no decision, other batch or time has mended it since."""
    if refusal.fingerprint != found.fingerprint or is_due(refusal, found, now):
        return False
    confirmed = [decision for decision in decisions.values() if decision.action is DecisionAction.CONFIRM_TABLE]
    if refusal.verdict not in LOOKED_AT_AGAIN or not confirmed:
        return True
    latest = max(confirmed, key=attrgetter("decided_at", "subject"))
    if refusal.verdict == FULL_BATCH_MISSING:
        return latest.subject != latest_table_id
    return latest.decided_at <= refusal.judged_at


def _begun(now: datetime, cursor: ArrivalCursor) -> datetime:
    """When the look at everything began that has ended now."""
    return now if cursor.round is None else min(now, cursor.round.began_at)


def _position(cursor: ArrivalCursor, arrivals: Arrivals) -> str | None:
    """The last settled id before every unsettled one that is not far (rule B2); a late copy takes it back."""
    known, listed_as = set(arrivals.settled), arrivals.listed_as
    if cursor.position is not None and not arrivals.is_whole:
        known.add(cursor.position)
    near = [listed_as(found.id) for found in arrivals.unsettled if key_of(found) not in arrivals.far]
    oldest = min(near, default=None)
    before = (batch_id for batch_id in known if oldest is None or listed_as(batch_id) < oldest)
    return max(before, key=listed_as, default=None)
