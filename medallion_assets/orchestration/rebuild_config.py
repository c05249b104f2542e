"""Rebuilds asked for in a run config: what `medallion rebuild` takes, for the assets.

Belongs here: the config, and how a run reports what a rebuild did.
Does not: rebuilding (bronze, lakehouse, silver, gold).

Dagster reads the annotations of a config itself, so they are not postponed here.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg
from pydantic import Field

from medallion_assets.delta.table_changes import Rebuilt
from medallion_assets.orchestration.attempt import Attempt
from medallion_assets.orchestration.reporting import as_table, counts
from medallion_assets.orchestration.trigger_context import TriggeredConfig


class RebuildConfig(dg.Config):
    """Asks for a rebuild of the whole table, before the run does what it always does; nothing without `why`."""

    why: str = Field(default="", description="why the table is made again; goes into the commit")
    dry_run: bool = Field(default=False, description="say what would change, and change nothing")

    def run(self, attempt: Attempt, rebuild: Callable[..., Rebuilt]) -> Rebuilt | None:
        """Do the rebuild if it is asked for, as an attempt of the stage; `rebuild` takes why, dry_run and progress."""
        if not self.why.strip():
            return None
        progress = _logged(attempt.context.log.info)
        return attempt.repeat(partial(rebuild, why=self.why, dry_run=self.dry_run, progress=progress))


class JudgedRebuildConfig(RebuildConfig):
    """The same for a table with a quality gate."""

    accept_all: bool = Field(default=False, description="let exports in that fail the gate by the present contract")
    drop_lost: bool = Field(default=False, description="go on without exports that Silver holds and Bronze has lost")

    def run(self, attempt: Attempt, rebuild: Callable[..., Rebuilt]) -> Rebuilt | None:
        """The same; `rebuild` takes accept_all and drop_lost as well."""
        return super().run(attempt, partial(rebuild, accept_all=self.accept_all, drop_lost=self.drop_lost))


class RebuildableConfig(TriggeredConfig):
    """Run config of a table that is made from tables."""

    rebuild: RebuildConfig = Field(default=RebuildConfig(), description="make the whole table again")


def rebuild_figures(done: Rebuilt | None) -> dict[str, Any]:
    """What a run's metadata says of a rebuild; nothing when there was none."""
    if done is None:
        return {}
    changes = done.changes
    examples = [
        {
            "change": example.change,
            "key": dict(example.key),
            "before": dict(example.before),
            "after": dict(example.after),
        }
        for example in changes.examples
    ]
    return {
        "rebuild": "would change" if done.dry_run else f"version {done.version}",
        "rebuild_rows": counts({"added": changes.added, "changed": changes.changed, "gone": changes.gone}),
        "rebuild_newly_bad": counts(changes.newly_bad),
        "rebuild_newly_good": counts(changes.newly_good),
        "rebuild_restated_dates": [str(day) for day in sorted(changes.restated)],
        "rebuild_examples": as_table(examples),
        "rebuild_next": done.next_steps,
    }


def _logged(log: Callable[[str], object]) -> Callable[[str, int, int], None]:
    """Progress for a run's log: every tenth of the way."""

    def report(what: str, done: int, total: int) -> None:
        if total and (done == total or done * 10 // total > (done - 1) * 10 // total):
            log(f"{what}: {done:,} of {total:,}")

    return report
