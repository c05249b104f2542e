"""Recoveries: the message that a failure is over.

Belongs here: which alert an ended incident belongs to, and the words.
Does not: what ends an incident (operations.incident_ends), or who gets the message (operations.alerts.outbox).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from medallion_assets.operations.alerts.table import RECOVERED, Alert, AlertEvent, Event
from medallion_assets.operations.incident import Incident


def recoveries(events: Iterable[AlertEvent], ended: Collection[Incident]) -> list[Alert]:
    """A message for each alert that a stage failed in the run of an incident that has ended."""
    by_stage = {(incident.run_id, incident.stage): incident for incident in ended}
    found: dict[str, Alert] = {}
    for event in events:
        incident = by_stage.get((event.run_id or "", event.table or ""))
        if incident is None or event.event is not Event.RAISED or not event.alert_key.startswith("failed/"):
            continue
        done_at = f"{incident.ended_at:%Y-%m-%d %H:%M} UTC" if incident.ended_at else "a later time"
        found[event.alert_key] = Alert(
            key=f"{RECOVERED}{event.alert_key}",
            kind=event.kind or "failure",
            what=f"{incident.stage} has succeeded again, in a run that began at {done_at}",
            where=event.where or incident.stage,
            do="nothing: it is over",
            job=event.job,
            table=event.table,
        )
    return list(found.values())
