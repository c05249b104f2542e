"""Rebuilds that a run is asked for: what `medallion rebuild` takes, for the stages.

Belongs here: doing one as part of a stage's work, and how its report shows what it did.
Does not: rebuilding (refining, deriving), or the fields.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.stages.asked import AskedRebuild
from medallion_assets.stages.figures import as_table, counts
from medallion_assets.stages.work import Work


def rebuild_if_asked(work: Work, asked: AskedRebuild, rebuild: Callable[..., Rebuilt]) -> Rebuilt | None:
    """Do the rebuild if it is asked for; `rebuild` takes why, dry_run, progress, and the choices of such a table."""
    if not asked.why.strip():
        return None
    progress = _logged(work.log.info)
    return work.repeat(partial(rebuild, why=asked.why, dry_run=asked.dry_run, progress=progress, **asked.choices()))


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
