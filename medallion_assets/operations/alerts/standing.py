"""Standing conditions: which alerts are still true, also where no rule raises them at the moment.

Belongs here: for each kind of condition whose rule falls silent before it has ended, the question whether it has.
Does not: raising alerts, or the message that one is over.

A rule looks at the last days, and falls silent where another alert has the same cause. That is no end. So what people
know of is asked about by itself: where nobody can tell, it goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta

import polars as pl

from medallion_assets.operations.alerts.closing import days_complete, is_closed
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.alerts.rules import BLIND, QUALITY_DAYS, refused
from medallion_assets.operations.quality import published_scores
from medallion_assets.operations.tables.alerts import Alert, AlertEvent
from medallion_assets.operations.tables.expectation_results import ABSENT, QUALITY, UNKNOWN
from medallion_assets.operations.tables.incident import Incident
from medallion_assets.operations.tables.incident_ends import ended_at
from medallion_assets.operations.tables.pipeline_runs import Outcome, days_of

Question = Callable[[AlertFacts, AlertEvent, str, datetime], bool]
"""Whether the condition of an alert goes on. Besides the alert it is given the condition without its kind and table."""
UNREAD_RUN = f"{BLIND}run "
"""How the condition begins that a run cannot be read; its id follows."""


def standing_conditions(facts: AlertFacts, found: Iterable[Alert], now: datetime) -> set[str]:
    """The conditions that go on: of the alerts `found` now, and of those that people know of.

    While facts cannot be read, whatever people know of goes on; while a run cannot be read, whatever is about that run.
    """
    said = {alert.condition for alert in found if alert.condition is not None}
    unread_runs = set(runs_unread(said))
    is_blind = any(name.startswith(BLIND) and not name.startswith(UNREAD_RUN) for name in said)
    return said | {
        condition
        for condition, raised in facts.open_alerts.items()
        if is_blind or unread_runs.intersection(condition.split("/")) or _goes_on(facts, condition, raised, now)
    }


def runs_unread(conditions: Iterable[str]) -> list[str]:
    """The ids of the runs of which conditions say that they cannot be read."""
    return [name.removeprefix(UNREAD_RUN) for name in conditions if name.startswith(UNREAD_RUN)]


def _goes_on(facts: AlertFacts, condition: str, raised: AlertEvent, now: datetime) -> bool:
    """Whether a condition goes on; of one whose question odd facts break, nobody can tell that it has ended."""
    kind, _, rest = condition.partition("/")
    question = QUESTIONS.get(kind)
    try:
        return question is not None and question(facts, raised, rest.removeprefix(f"{raised.table}/"), now)
    except Exception:
        logging.getLogger(__name__).exception("nobody can tell whether %s has ended", condition)
        return True


def _stage_failed(facts: AlertFacts, raised: AlertEvent, _rest: str, _now: datetime) -> bool:
    """It was not done since, as its incident says; or its attempts, where nobody has looked into the run."""
    run_id, stage = raised.run_id or "", raised.table or ""
    for incident in facts.incidents:
        if (incident.run_id, incident.stage) == (run_id, stage):
            return incident.ended_at is None
    failed = Incident(
        run_id=run_id,
        job=raised.job or "",
        stage=stage,
        error="",
        headline="",
        failed_at=raised.happened_at,
        raised_at=raised.happened_at,
    )
    return ended_at(failed, facts.attempts) is None


def _query_finds_rows(facts: AlertFacts, raised: AlertEvent, stage: str, _now: datetime) -> bool:
    """No incident of it has ended since the alert, or another has not ended."""
    own = [incident.ended_at for incident in facts.incidents if incident.stage == stage]
    return None in own or not any(at is not None and at >= raised.happened_at for at in own)


def _nothing_was_judged(facts: AlertFacts, raised: AlertEvent, _rest: str, now: datetime) -> bool:
    """Quality is of what was published: where that is nothing, it has not become better."""
    scores = published_scores(facts.attempts, facts.results)
    recent = pl.col("at") > now - timedelta(days=QUALITY_DAYS)
    return scores.filter(recent, pl.col("stage") == raised.table).is_empty()


def _is_refused(facts: AlertFacts, _raised: AlertEvent, rest: str, _now: datetime) -> bool:
    return any(refused(batch) == f"refused/{rest}" for batch in facts.refused)


def _silent_and_stale(facts: AlertFacts, raised: AlertEvent, rest: str, _now: datetime) -> bool:
    """The rule leaves what is stale to the alert about that."""
    last = facts.last_records.get(raised.table or "")
    promised = [row for row in facts.freshness if row.table == raised.table and row.sla_hours is not None]
    return any(last is None or (row.is_stale and last.isoformat() == rest) for row in promised)


def _drift(facts: AlertFacts, raised: AlertEvent, rest: str, now: datetime) -> bool:
    """The newest batches still say so, or none was judged of late."""
    table = next((loaded.table for loaded in facts.catalog.loaded if loaded.table.name == raised.table), None)
    if table is None:
        return False
    own = facts.recent_results(now).filter(pl.col("table_name") == table.name)
    change, _, attribute = rest.partition("/")
    if change == "appeared":
        is_known = attribute in {*(column.source for column in table.columns), *table.left_out}
        is_found = not own.filter(kind=UNKNOWN, expectation=attribute).is_empty()
        return not is_known and (own.is_empty() or is_found)
    if change == "unfilled":
        return own.is_empty() and attribute in {f"{column.name}/{column.source}" for column in table.columns}
    judged = own.filter(expectation=QUALITY)["export_id"]
    absent = own.filter(kind=ABSENT, expectation=attribute.rpartition("/")[0])["export_id"]
    return judged.is_empty() or judged[-1] in absent


def _day_is_not_closed(facts: AlertFacts, raised: AlertEvent, rest: str, _now: datetime) -> bool:
    return not is_closed(facts, raised.table or "", date.fromisoformat(rest))


def _day_is_not_complete(facts: AlertFacts, raised: AlertEvent, rest: str, _now: datetime) -> bool:
    days = days_of(rest.rpartition("/")[2])
    made = facts.attempts.filter(pl.col("stage") == raised.table, pl.col("outcome") == Outcome.SUCCEEDED)
    return days_complete(made, facts.catalog, days) != days


QUESTIONS: Mapping[str, Question] = {
    "failed": _stage_failed,
    "query": _query_finds_rows,
    "quality": _nothing_was_judged,
    "refused": _is_refused,
    "no_new_records": _silent_and_stale,
    "schema_drift": _drift,
    "daily_not_done": _day_is_not_closed,
    "provisional": _day_is_not_complete,
}
"""By kind of condition; of all others the rule says all that there is to know."""
