"""Jobs: what every service is asked, and what it answers.

Belongs here: the protocol of the clients, and its values.
Does not: any service (a module each), or watching a job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from medallion_assets.settings.compute import Shape

TOKEN_CHARACTERS = 64
"""The most that either service takes."""


class JobState(Enum):
    """What became of a job."""

    AT_WORK = auto()
    """Or waiting, or about to end."""
    SUCCEEDED = auto()
    FAILED = auto()
    CANCELED = auto()
    """By somebody, or for its time limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to run. The same `token` is the same job, however often it is started: it runs once.

    `arguments` are those of the entry point, `time_limit_seconds` is when the service ends it by itself.
    """

    token: str
    name: str
    arguments: tuple[str, ...]
    shape: Shape
    time_limit_seconds: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLook:
    """A job at one moment: `said` is the service's own word, `billed` what it has cost, in the service's units."""

    state: JobState
    said: str
    billed: Mapping[str, float] = field(default_factory=dict)


class Service(Protocol):
    """A service that runs jobs. Every call may be repeated."""

    @property
    def name(self) -> str:
        """Its name in logs and errors, such as `Databricks`."""

    def start(self, job: Job) -> str:
        """Start a job, or find the one of the same token; its id.

        Raises:
            TransientError: no answer, or not now. It may have been started: ask again with the same token.
            PermanentError: it is refused.
        """

    def look(self, job_id: str) -> JobLook:
        """The job as it is now; raises as `start` does."""

    def cancel(self, job_id: str) -> None:
        """End a job; one that has ended stays as it is. Raises as `start` does."""

    def link(self, job_id: str) -> str:
        """The URL of the page on which a person sees the job."""
