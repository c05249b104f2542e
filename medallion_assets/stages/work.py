"""Work: what the body of a stage is handed, wherever it runs.

Belongs here: the values that a stage's body may ask for, and trying again what may succeed later.
Does not: Dagster's context, or what becomes of the attempt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import tenacity
from pydantic import BaseModel

from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import TransientError
from medallion_assets.settings import Settings
from medallion_assets.settings.retries import FIRST_WAIT_SECONDS, REPETITIONS
from medallion_assets.stages.reports import Report
from medallion_assets.stages.together import OtherRuns

if TYPE_CHECKING:
    from medallion_assets.publishing.serving import Serving

Result = TypeVar("Result")
Wish = TypeVar("Wish", bound=BaseModel)
BY_HAND = "a person"
"""What says why a run works that no sensor or schedule asked for."""


@dataclass(frozen=True, kw_only=True)
class Repeating:
    """How often and how long a stage tries again what failed transiently, before its attempt counts as failed."""

    attempts: int = REPETITIONS
    first_wait_seconds: float = FIRST_WAIT_SECONDS

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(attempts=settings.repetitions, first_wait_seconds=settings.first_wait_seconds)

    def run(
        self,
        work: Callable[[], Result],
        report: Callable[[str], object],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Result:
        """Do the work, and again after each TransientError: after the first wait, then twice as long, with jitter.

        Raises:
            TransientError: it still fails after `attempts` repetitions.
        """

        def before_sleep(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            wait = state.next_action.sleep if state.next_action else 0.0
            report(f"repetition {state.attempt_number} of {self.attempts} in {wait:.0f} s: {error}")

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=tenacity.stop_after_attempt(self.attempts + 1),
            wait=tenacity.wait_exponential_jitter(
                multiplier=self.first_wait_seconds, jitter=self.first_wait_seconds / 2
            ),
            before_sleep=before_sleep,
            sleep=sleep,
            reraise=True,
        )(work)


class Log(Protocol):
    """Where lines for people go: a run's log, or messages to the process that watches."""

    def info(self, message: str, /) -> None:
        """A line on how far the work has come."""

    def warning(self, message: str, /) -> None:
        """A line on what is wrong and stops nothing."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One attempt of a stage, as its body sees it.

    `tags` are those of the run, which name its days; `trigger` says why it runs. `rows_loaded` is what Bronze's last
    run brought in, where somebody knows. Only a stage that publishes asks for `serving` and `other_runs`.
    """

    lake: Lakehouse
    raw_url: str
    now: datetime
    run_id: str
    log: Log
    tags: Mapping[str, str] = field(default_factory=dict)
    trigger: str = ""
    started_by: str = ""
    rows_loaded: Any = None
    repeating: Repeating = Repeating()
    serving: Serving | None = None
    other_runs: OtherRuns = field(default_factory=OtherRuns)

    @property
    def is_by_hand(self) -> bool:
        """Whether no sensor or schedule asked for the run."""
        return self.trigger in ("", BY_HAND)

    def repeat(self, work: Callable[[], Result]) -> Result:
        """Do work that can be done twice without harm, and again while it fails transiently."""
        return self.repeating.run(work, self.log.warning)


class StageBody(Protocol[Wish]):
    """What writes one table. Its reports come in the order in which they are to be seen; it raises where it fails."""

    @property
    def table(self) -> Table:
        """The table that it writes."""

    @property
    def limits(self) -> Limits:
        """How long it may take, and how often it is tried again."""

    @property
    def asked(self) -> type[Wish]:
        """What a person may ask of a run of it."""

    def reports(self, work: Work, asked: Wish, /) -> Iterator[Report]:
        """Do the work, and report on it while it goes on."""
