"""Remote attempts: which place in the object store one has, and whether it goes on with a job that is there already.

Belongs here: numbering them, their tokens, and removing what is left of old ones.
Does not: what lies at a place (remote.place), or running anything.

A run that Dagster starts anew after its process was lost has the same root run, and finds the place of the attempt
that nobody saw to its end. It asks for the same token there, and so for the same job. An attempt whose end was seen
has a mark, which is all that stays of it, and the next one begins at the next place.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import obstore
from pydantic import ValidationError

from medallion_assets.compute.job import TOKEN_CHARACTERS
from medallion_assets.errors import MedallionError
from medallion_assets.remote.place import END, JOB, REQUEST, RemotePlace
from medallion_assets.remote.request import Request
from medallion_assets.storage.failures import store_errors
from medallion_assets.storage.stores import open_store

LOG = logging.getLogger(__name__)
KEPT = timedelta(days=90)
"""Longer than a service remembers a token (Databricks: 60 days): a number that is free again is a new job there too."""
MOST_AT_ONCE = 1000


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
        """Remove root runs in whose folders nothing was written for `KEPT`; a warning says what cannot be removed."""
        try:
            store = open_store(self.url, self.storage_options)
            with store_errors(self.url):
                found = [each for objects in obstore.list(store) for each in objects]
                written: dict[str, datetime] = {}
                for each in found:
                    root = _root(each["path"])
                    written[root] = max(each["last_modified"], written.get(root, each["last_modified"]))
                old = [each["path"] for each in found if now - written[_root(each["path"])] > KEPT]
                for first in range(0, len(old), MOST_AT_ONCE):
                    obstore.delete(store, old[first : first + MOST_AT_ONCE])
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


def _root(path: str) -> str:
    return path.partition("/")[0]


def _is_same_work(known: object, request: Request) -> bool:
    """Whether a request that lies there asks for the same. One of another release of this project may not be read."""
    try:
        return Request.model_validate(known).is_same_work(request)
    except ValidationError:
        return False


def token_of(name: str) -> str:
    """The token of an attempt: the same for the same one, on every machine."""
    return hashlib.sha256(name.encode()).hexdigest()[:TOKEN_CHARACTERS]
