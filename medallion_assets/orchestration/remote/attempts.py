"""Remote attempts: which place in the object store one has, and whether it goes on with a job that is there already.

Belongs here: numbering them, their tokens, and removing what is left of old ones.
Does not: what lies at a place, or running anything.

A run that Dagster starts anew after its process was lost has the same root run, and finds the place of the attempt
that nobody saw to its end. It asks for the same token there, and so for the same job. An attempt whose end was seen
has a mark, which is all that stays of it, and the next one begins at the next place.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import obstore
from pydantic import ValidationError

from medallion_assets.compute.job import TOKEN_CHARACTERS
from medallion_assets.contracts.documents import Moment, from_json_or_none, to_json
from medallion_assets.errors import MedallionError
from medallion_assets.remote.place import END, JOB, MESSAGE_NAME, REQUEST, RemotePlace
from medallion_assets.remote.request import Request
from medallion_assets.storage.failures import store_errors
from medallion_assets.storage.stores import open_store, read_bytes, write_bytes

if TYPE_CHECKING:
    from obstore import ObjectMeta  # exists for type checkers only

LOG = logging.getLogger(__name__)
KEPT = timedelta(days=90)
"""Longer than a service remembers a token (Databricks: 60 days): a number that is free again is a new job there too."""
LOOKED_THROUGH = "looked-through.json"
"""Says when somebody last looked for old attempts: that lists all of them, and the next one does so a day later."""
BETWEEN_LOOKS = timedelta(days=1)
MOST_AT_ONCE = 1000
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
OURS = re.compile(
    rf"(?P<root>{UUID})/[^/]+\.[^/]+/[1-9][0-9]*"
    rf"/({'|'.join(map(re.escape, (REQUEST, JOB, END)))}|{MESSAGE_NAME.pattern})"
)
"""What lies in an attempt: a root run, a table with its layer, a number, and what `RemotePlace` writes."""


@dataclass(frozen=True, kw_only=True)
class RemoteAttempt:
    """One attempt; `is_known`: a process of Dagster's that is gone has begun it."""

    place: RemotePlace
    token: str
    is_known: bool

    @property
    def has_job(self) -> bool:
        """Whether a service has given it a job, as far as anybody noted."""
        return self.place.read(JOB) is not None

    def end(self, outcome: str) -> None:
        """Mark that its end was seen: a process that is still at work there ends, and what it said is removed."""
        if not self.place.is_over:
            self.place.write_once(END, {"outcome": outcome})
        self.place.clear()


@dataclass(frozen=True, kw_only=True)
class RemoteAttempts:
    """The attempts of all runs, below one URL."""

    url: str
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def remove_old(self, now: datetime) -> None:
        """Remove root runs in whose attempts nothing was written for `KEPT`; a warning says what cannot be removed.

        Whatever else lies there stays: only what an attempt consists of counts, beside its request or its end.
        """
        try:
            store = open_store(self.url, self.storage_options)
            with store_errors(self.url):
                if not _is_due(read_bytes(store, LOOKED_THROUGH), now):
                    return
                old = _old([each for objects in obstore.list(store) for each in objects], now)
                for first in range(0, len(old), MOST_AT_ONCE):
                    obstore.delete(store, old[first : first + MOST_AT_ONCE])
            write_bytes(store, LOOKED_THROUGH, to_json(_Look(at=now)).encode())
        except MedallionError as error:
            LOG.warning("what is left of old remote attempts could not be removed: %s", error)

    def next(self, root_run_id: str, request: Request) -> RemoteAttempt:
        """The attempt of a root run that nobody saw to its end, if it asks for the same; or a new one.

        Raises:
            PermanentError, TransientError: see `store_errors`.
        """
        for number in count(1):
            name = f"{root_run_id}/{request.table}/{number}"
            place = RemotePlace(f"{self.url}/{name}", self.storage_options)
            if place.is_over:
                continue
            known = place.read(REQUEST)
            if known is None or _is_same_work(known["extras"]["request"], request):
                return RemoteAttempt(place=place, token=token_of(name), is_known=known is not None)
        raise AssertionError


@dataclass(frozen=True, kw_only=True)
class _Look:
    at: Moment


def _is_due(looked: bytes | None, now: datetime) -> bool:
    """Whether the last look is long ago, or nobody can read when it was."""
    last = from_json_or_none(_Look, looked)
    return last is None or not now - BETWEEN_LOOKS < last.at <= now


def _old(found: Sequence[ObjectMeta], now: datetime) -> list[str]:
    """The objects of attempts whose root run is old, the marks that they are attempts last."""
    ours = [(each, matched["root"]) for each in found if (matched := OURS.fullmatch(each["path"]))]
    written: dict[str, datetime] = {}
    for each, root in ours:
        written[root] = max(each["last_modified"], written.get(root, each["last_modified"]))
    marked = {_attempt(each["path"]) for each, _ in ours if _is_mark(each["path"])}
    old = [each["path"] for each, root in ours if now - written[root] > KEPT and _attempt(each["path"]) in marked]
    return sorted(old, key=_is_mark)


def _attempt(path: str) -> str:
    return path.rpartition("/")[0]


def _is_mark(path: str) -> bool:
    return path.endswith((f"/{REQUEST}", f"/{END}"))


def _is_same_work(known: object, request: Request) -> bool:
    """Whether a request that lies there asks for the same. One of another release of this project may not be read."""
    try:
        return Request.model_validate(known).is_same_work(request)
    except ValidationError:
        return False


def token_of(name: str) -> str:
    """The token of an attempt: the same for the same one, on every machine."""
    return hashlib.sha256(name.encode()).hexdigest()[:TOKEN_CHARACTERS]
