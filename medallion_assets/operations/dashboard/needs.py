"""Needs: what needs a person now, one entry a cause.

Belongs here: which facts are a cause of their own, which tables suffer from it, and what to do.
Does not: the facts, or how an entry looks.

A table that is stale because a table before it cannot go on is no cause: it stands in the entry of that one. What an
alert says is an entry only where nothing else on the page is about it: as long as its condition goes on (alerts are
kept for 30 days, and raised anew after that), and a day of what cannot end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from medallion_assets.errors.long_texts import short, without_middle
from medallion_assets.operations.dashboard import commands
from medallion_assets.operations.dashboard.facts import DashboardFacts
from medallion_assets.operations.exports.gaps import close_gap
from medallion_assets.operations.exports.refused import by_reason
from medallion_assets.operations.exports.sources import see_arrivals
from medallion_assets.operations.exports.waiting import UNSETTLED_DO
from medallion_assets.operations.sections import format_age, format_minute
from medallion_assets.operations.stages import Stage, stages
from medallion_assets.operations.tables.alerts import RECOVERED, Event, open_alerts
from medallion_assets.operations.tables.incident import Incident
from medallion_assets.operations.tables.pipeline_runs import StageAttempt, run_of
from medallion_assets.operations.unrecorded import fetch_of
from medallion_assets.refining.bronze import bronze_table

ELSEWHERE = ("failed/", "quality/", "stale/", "refused/", "gap/", "unprotected_minute/", "canceled/", RECOVERED)
"""How the keys of alerts begin that are about what the page shows by itself, or what needs nobody."""
ALERTED_WITHIN = timedelta(days=1)
SEE_LOG = "look at the log of the run; then run it again"
"""What a person does where no error says it."""
AS_IT_SAYS = "do what the message says, or " + SEE_LOG


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A cause. `where` names the table, or the job; `also` other tables that wait for it. `since` is in UTC.

    `is_urgent` is false of what a person should look at, although nothing stands still.
    """

    where: str
    what: str
    found: str | None = None
    do: str | None = None
    command: str | None = None
    run_id: str | None = None
    since: datetime | None = None
    also: tuple[str, ...] = ()
    is_urgent: bool = True


def needs_of(facts: DashboardFacts) -> list[Need]:
    """Every need, the urgent ones first; the same facts give the same entries in the same order."""
    known = list(stages(facts.catalog))
    causes = [*_failed(facts, known), *_unrecorded(facts), *_gaps(facts, known), *_refused(facts)]
    causes += _unsettled(facts, known, {need.where for need in causes})
    blocked = {need.where for need in causes}
    behind = {stage.table.name: _cause_of(stage, known, blocked) for stage in known}
    stale = [fresh for fresh in facts.status.freshness if fresh.is_stale]
    also: dict[str, list[str]] = {}
    for fresh in stale:
        if (cause := behind.get(fresh.table)) is not None and cause != fresh.table:
            also.setdefault(cause, []).append(fresh.table)
    named = set[str]()
    with_tables = []
    for need in causes:
        tables = () if need.where in named else tuple(also.get(need.where, ()))
        with_tables.append(replace(need, also=tables))
        named.add(need.where)
    of_its_own = [fresh for fresh in stale if behind.get(fresh.table) is None]
    urgent = [
        *_places(facts),
        *with_tables,
        *_refused_tables(facts),
        *_stale(facts, known, {fresh.table for fresh in of_its_own}),
    ]
    return [*urgent, *_unended(facts, known, blocked), *_bad(facts, blocked), *_warned(facts), *_alerted(facts)]


def _places(facts: DashboardFacts) -> Iterator[Need]:
    """Places in which nothing of ours lies, or that cannot be read."""
    for place in facts.wrong_places:
        what = short(f"{place.state}: {place.url}")
        yield Need(where=place.what, what=what, found=short(place.found), do=place.do)


def _failed(facts: DashboardFacts, known: Iterable[Stage]) -> Iterator[Need]:
    """Stages whose last attempt failed or was lost, with what was found out about it."""
    last = {found.stage: found.last for found in facts.status.stages if found.is_broken and found.last is not None}
    incidents = {(incident.run_id, incident.stage): incident for incident in facts.incidents}
    steps = set[str]()
    for stage in known:
        attempt = last.get(stage.table.name)
        if attempt is None or stage.step.name in steps:
            continue
        steps.add(stage.step.name)
        incident = incidents.get((attempt.run_id, stage.table.name))
        held, days = _held(facts, stage, attempt), attempt.partition
        do = commands.decide(stage, held, "accept", days) if held else commands.materialize(stage, days)
        if incident is not None:
            yield replace(_need_of(incident, do), since=attempt.started_at)
            continue
        said = attempt.error or "it ended without an error message"  # its parts come with the incident
        word = facts.catalog.batch_word(stage.table.name)
        yield Need(
            where=stage.table.name,
            what=f"{word} {held} failed the quality gate" if held else without_middle(_without(stage.table.name, said)),
            do="look at its bad rows; then accept or reject it" if held else AS_IT_SAYS,
            command=do,
            run_id=attempt.run_id,
            since=attempt.started_at,
        )


def _unrecorded(facts: DashboardFacts) -> Iterator[Need]:
    """Failures of what leaves no attempts, such as a fetch."""
    for incident in facts.unrecorded:
        yield _need_of(incident, commands.again(incident.job, incident.stage))


def _unended(facts: DashboardFacts, known: Iterable[Stage], blocked: set[str]) -> Iterator[Need]:
    """Open incidents of stages that go on, as other days than those that failed were done: the newest of each stage."""
    by_stage = {found.stage: found for found in facts.incidents if found.ended_at is None}
    for stage in known:
        incident = by_stage.get(stage.table.name)
        if incident is not None and incident.stage not in blocked:
            need = _need_of(incident, commands.materialize(stage, incident.partition))
            yield replace(need, what=short(f"still open: {need.what}"), is_urgent=False)


def _need_of(incident: Incident, command: str) -> Need:
    return Need(
        where=incident.stage,
        what=short(_without(incident.stage, incident.headline)),
        found=incident.found and short(incident.found),
        do=incident.do or SEE_LOG,
        command=command,
        run_id=incident.run_id,
        since=incident.failed_at,
    )


def _held(facts: DashboardFacts, stage: Stage, attempt: StageAttempt) -> str | None:
    """The batch for which a person has to decide; None where it is another failure."""
    is_held = stage.kind == "judged" and attempt.export_id in facts.pending.get(stage.table.name, ())
    return attempt.export_id if is_held else None


def _gaps(facts: DashboardFacts, known: Iterable[Stage]) -> Iterator[Need]:
    sources = {source.table: source for source in facts.status.sources}
    first = dict(reversed([(table, gap) for table, gap in facts.gaps]))
    for stage in known:
        if (gap := first.get(stage.table.name)) is None:
            continue
        waiting = sum(table == stage.table.name for table, _ in facts.gaps)
        begun = gap.covered_until is not None
        missing = f"{format_minute(gap.covered_until)} to {format_minute(gap.window_from)} UTC"
        source = sources.get(bronze_table(stage.table.short_name).name)
        do, command = close_gap(source, gap)
        yield Need(
            where=stage.table.name,
            what=f"no {gap.word} covers {missing}"
            if begun
            else f"no full {gap.word} has begun the chain of {gap.word}s yet",
            found=f"{gap.word} {gap.batch_id} waits" + (f", and {waiting - 1} more" if waiting > 1 else ""),
            do=do,
            command=command,
            run_id=_run(facts, stage.table.name),
        )


def _unsettled(facts: DashboardFacts, known: Iterable[Stage], blocked: set[str]) -> Iterator[Need]:
    """Batches that nobody has settled for long, where no last attempt says why."""
    by_name = {stage.table.name: stage for stage in known}
    for batch in facts.unsettled:
        if batch.table not in blocked:
            command = commands.materialize(by_name[batch.table])
            yield Need(where=batch.table, what=str(batch), do=UNSETTLED_DO, command=command, since=batch.since)


def _refused(facts: DashboardFacts) -> Iterator[Need]:
    """Refused batches: those of one table that are refused for the same reason are one cause."""
    for refused in by_reason(facts.refusals):
        newest = refused.newest
        bronze = bronze_table(newest.table_name).name
        yield Need(
            where=bronze,
            what=short(refused.what(facts.catalog.batch_word(newest.table_name))),
            found=short(newest.reason),
            do=refused.do,
            run_id=_run(facts, bronze, by=newest.judged_at),
            since=newest.judged_at,
        )


def _refused_tables(facts: DashboardFacts) -> Iterator[Need]:
    for table, error in facts.refused:
        parts = error.parts
        what = error.headline.removeprefix(table).lstrip(": ")
        yield Need(where=table, what=short(what), found=parts["found"], do=parts["do"])


def _stale(facts: DashboardFacts, known: Iterable[Stage], tables: set[str]) -> Iterator[Need]:
    """Stale tables whose sources all go on: one entry for all that one stale table makes stale."""
    fresh = {found.table: found for found in facts.status.freshness}
    groups: list[list[Stage]] = []
    for stage in (stage for stage in known if stage.table.name in tables):
        sources = {source.name for source in stage.sources}
        group = next((group for group in groups if sources & {before.table.name for before in group}), None)
        if group is None:
            groups.append([stage])
        else:
            group.append(stage)
    for group in groups:
        root = group[0].table.name
        found = fresh[root]
        behind = found.behind(facts.now)
        reach = "no data yet" if behind is None else f"its data are {format_age(behind)} behind"
        yield Need(
            where=root,
            what=f"stale: {reach}, limit {found.sla_hours:g} h",
            do=f"{see_arrivals(facts.catalog, root)}, and whether the daemon is up; or run it now",
            command=commands.catch_up(group[0], found.covered_until, facts.now),
            run_id=_run(facts, root),
            since=found.covered_until,
            also=tuple(stage.table.name for stage in group[1:]),
        )


def _bad(facts: DashboardFacts, blocked: set[str]) -> Iterator[Need]:
    for found in facts.status.stages:
        if found.is_below_threshold and found.stage not in blocked:
            table = facts.catalog.loaded_by(found.stage).table.short_name
            yield Need(
                where=found.stage,
                what=f"{found.quality:.2%} of its records were good in 7 days, under {found.quality_threshold:.2%}",
                do="look at the rows in quarantine; redrive them after a fix",
                command=f"medallion quarantine show {table}",
                is_urgent=False,
            )


def _warned(facts: DashboardFacts) -> Iterator[Need]:
    for warning in facts.chain_warnings:
        yield Need(where=warning.table, what=short(warning.what), do=warning.do, is_urgent=False)


def _alerted(facts: DashboardFacts) -> Iterator[Need]:
    """Alerts about anything else, each once: of what nobody has said to be over, and of the last day's events."""
    seen = set[tuple[str, str]]()
    standing = {alert.alert_key for alert in open_alerts(facts.alerts).values()}
    for alert in reversed(facts.alerts):
        about = (alert.where or alert.job or "the pipeline", alert.what or "")
        is_event = alert.condition is None and alert.happened_at > facts.now - ALERTED_WITHIN
        is_raised = alert.event is Event.RAISED and alert.kind not in (None, "success")
        is_elsewhere = about in seen or alert.alert_key.startswith(ELSEWHERE)
        if is_raised and (is_event or alert.alert_key in standing) and not is_elsewhere:
            seen.add(about)
            where, what = about
            yield Need(
                where=where,
                what=short(what),
                do=alert.do,
                run_id=alert.run_id,
                since=alert.happened_at,
                is_urgent=alert.kind == "failure",
            )


def _run(facts: DashboardFacts, table: str, *, by: datetime | None = None) -> str | None:
    """The run of the last attempt of a table's stage, of those that had begun `by` then; None where none is known."""
    began = pl.col("started_at") <= (by or facts.now)
    return run_of(facts.attempts.filter(began, pl.col("stage") == table)).get("run_id")


def _cause_of(stage: Stage, known: Iterable[Stage], blocked: set[str]) -> str | None:
    """The nearest table at or before a stage's that cannot go on, or what fetches its batches."""
    if stage.table.name in blocked:
        return stage.table.name
    if stage.kind == "bronze" and (fetch := fetch_of(stage.table)) in blocked:
        return fetch
    by_table = {other.table.name: other for other in known}
    for source in stage.sources:
        before = by_table.get(source.name)
        if before is not None and (cause := _cause_of(before, known, blocked)) is not None:
            return cause
    return None


def _without(table: str, what: str) -> str:
    """A text without the table's name at its front: it stands above it."""
    return what.removeprefix(f"{table}: ").removeprefix(f"{table} ")
