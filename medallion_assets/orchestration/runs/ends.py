"""Ends: of which kind the end of a run is that could not speak for itself.

Belongs here: noting the kind where this project ends a run, reading it, and whether Dagster ended one for its limit.
Does not: deciding that a run is over, or the errors of stages, which have kinds of their own.

Nothing here is read from words. A kind is noted before the end is reported: whoever is killed in between leaves a run
that goes on, and the next to end it notes the kind anew.
"""

from __future__ import annotations

from math import inf

import dagster as dg
from dagster import DagsterEventType as Kind

from medallion_assets.operations.tables.pipeline_runs import TIME_LIMIT, UNEXPLAINED_END
from medallion_assets.orchestration.dagster_tags import FORMER_MAX_RUNTIME, MAX_RUNTIME
from medallion_assets.orchestration.runs.engine_notes import leave_note, notes

KIND = "kind_of_end"


def note_kind(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: str) -> None:
    """Note the kind of an end that is reported right after; the last one counts."""
    if noted_kind(instance, run) != kind:  # who cannot report the end comes back every few seconds
        leave_note(instance, run, f"This run is ended: {kind}.", **{KIND: kind})


def noted_kind(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """The kind that was noted last, whether the end was reported or not."""
    kinds = [note[KIND] for _, note in notes(instance, run.run_id) if KIND in note]
    return kinds[-1] if kinds else None


def kind_of_end(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The kind of a failure without an error."""
    return kind_of_interrupt(instance, run) or noted_kind(instance, run) or UNEXPLAINED_END


def kind_of_interrupt(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """The kind of failure of a step that was told to end; None when no time limit did: then it did not fail."""
    return TIME_LIMIT if is_out_of_time(instance, run) else None


def is_out_of_time(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether Dagster's run monitoring ends, or ended, a run for its time limit.

    Dagster tells that in words alone, so it follows from what run monitoring goes by: the run was over its limit when
    it was told to end. A person who ends one so late, while run monitoring is down or busy, is taken for it.
    """
    entries = instance.all_logs(run.run_id, of_type={Kind.RUN_START, Kind.RUN_CANCELING})
    moments = {entry.get_dagster_event().event_type: entry.timestamp for entry in reversed(entries)}
    taken = moments.get(Kind.RUN_CANCELING, -inf) - moments.get(Kind.RUN_START, inf)
    return taken > _limit_seconds(instance, run)


def _limit_seconds(instance: dg.DagsterInstance, run: dg.DagsterRun) -> float:
    """The limit that run monitoring keeps for a run, as it reads it; infinite where there is none."""
    if not instance.run_monitoring_enabled:
        return inf
    try:
        own = run.tags.get(MAX_RUNTIME, run.tags.get(FORMER_MAX_RUNTIME))
        return float(own or instance.run_monitoring_max_runtime_seconds) or inf
    except ValueError:  # a person may have written anything
        return inf
