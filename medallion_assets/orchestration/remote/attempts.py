"""Remote attempts: which place in the object store one has, and whether it goes on with a job that is there already.

Belongs here: numbering them, and their tokens.
Does not: what lies at a place (remote.place), or running anything.

A run that Dagster starts anew after its process was lost has the same root run, and finds the place of the attempt
that nobody saw to its end. It asks for the same token there, and so for the same job. An attempt whose end was seen
has a mark, and the next one begins at the next place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from pydantic import ValidationError

from medallion_assets.compute.job import TOKEN_CHARACTERS
from medallion_assets.remote.place import END, JOB, REQUEST, RemotePlace
from medallion_assets.remote.request import Request


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
        """Mark that its end was seen."""
        if self.place.read(END) is None:
            self.place.write_once(END, {"outcome": outcome})


@dataclass(frozen=True, kw_only=True)
class RemoteAttempts:
    """The attempts of all runs, below one URL."""

    url: str
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def next(self, root_run_id: str, request: Request) -> RemoteAttempt:
        """The attempt of a root run that nobody saw to its end, if it asks for the same; or a new one.

        Raises:
            PermanentError, TransientError: see `store_errors`.
        """
        for number in count(1):
            name = f"{root_run_id}/{request.table}/{number}"
            place = RemotePlace(f"{self.url}/{name}", self.storage_options)
            if place.read(END) is not None:
                continue
            known = place.read(REQUEST)
            if known is None or _is_same_work(known["extras"]["request"], request):
                return RemoteAttempt(place=place, token=token_of(name), is_known=known is not None)
        raise AssertionError


def _is_same_work(known: object, request: Request) -> bool:
    """Whether a request that lies there asks for the same. One of another release of this project may not be read."""
    try:
        return Request.model_validate(known).is_same_work(request)
    except ValidationError:
        return False


def token_of(name: str) -> str:
    """The token of an attempt: the same for the same one, on every machine."""
    return hashlib.sha256(name.encode()).hexdigest()[:TOKEN_CHARACTERS]
