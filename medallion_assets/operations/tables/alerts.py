"""Alerts: messages to people, kept in a table until every channel has it.

Belongs here: the `operations.alerts` table, what an alert is, and raising one.
Does not: when to raise one, what is still to be sent, or sending it.

The table holds events and is only appended to: `raised`, and for each channel `sending`, `delivered` and `failed`. What
is so now follows from them, so writers need not know of each other.

What goes on until it ends is a condition: all alerts about it name it, and one message says that it is over. What has
happened and cannot end has none.

An alert is known by its key, and the same key is not raised again for KEPT_DAYS. So a key names the occurrence: the
batch, the version, the failure streak, or, for what goes on until a person acts, the day, which reminds once a day.
Where the key is the condition itself, and that comes back after people have heard that it is over, the day is added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import polars as pl

from medallion_assets.delta.row_tables.rows import append_rows, row_table, rows_of, scan_rows
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.errors.long_texts import cut
from medallion_assets.settings.alerts import ALERT_KINDS

RECOVERED = "recovered/"
"""How the key of a message begins that a condition has ended; the rest is the key of the last alert about it."""
KEPT_DAYS = 30
"""So long an alert is not raised again, and is tried to be sent."""
TEXT_CHARACTERS = 4000
"""What is longer is cut: an error may carry a page."""


class Event(StrEnum):
    """What happens to an alert, in this order."""

    RAISED = "raised"
    SENDING = "sending"
    FAILED = "failed"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A message to people.

    `kind`, one of settings.alerts.ALERT_KINDS, chooses the channels; so do the `table` (`layer.table`) and the `job`.
    `key` names the occurrence, `condition` what goes on until it ends (None: it has happened, and cannot end), `what`
    happened `where`, and what a person can `do`. No part may hold a secret.
    """

    key: str
    kind: str
    what: str
    where: str
    do: str
    run_id: str | None = None
    job: str | None = None
    table: str | None = None
    condition: str | None = None

    def __post_init__(self) -> None:
        """Refuse a kind that no setting has channels for."""
        if self.kind not in ALERT_KINDS:
            raise PermanentError(
                f"alert {self.key} is of a kind that does not exist",
                expected=f"one of {', '.join(ALERT_KINDS)}",
                found=repr(self.kind),
                do="correct the rule that makes it",
            )

    @classmethod
    def about(
        cls,
        condition: str,
        *,
        kind: str,
        what: str,
        where: str,
        do: str,
        table: str | None = None,
        run_id: str | None = None,
        job: str | None = None,
    ) -> Alert:
        """The one alert about a condition, for as long as it goes on: the condition names its first occurrence too."""
        about: dict[str, str | None] = {"table": table, "run_id": run_id, "job": job}
        return cls(key=condition, condition=condition, kind=kind, what=what, where=where, do=do, **about)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """Something that happened to an alert."""

    alert_key: Annotated[str, "names the occurrence; the same one is not raised twice"]
    event: Annotated[Event, "raised, sending, delivered or failed"]
    kind: Annotated[str | None, "failure, warning, a warning of its own kind, skipped or success"] = None
    what: Annotated[str | None, "what happened; of a raised alert, as the six columns below"] = None
    where: Annotated[str | None, "the table, batch, job or day"] = None
    do: Annotated[str | None, "what a person can do about it"] = None
    run_id: Annotated[str | None, "the Dagster run, where there is one"] = None
    job: Annotated[str | None, "its job"] = None
    table: Annotated[str | None, "the table that it is about: layer.table"] = None
    condition: Annotated[str | None, "the ongoing condition; null: the event is over at once, and cannot end"] = None
    channel: Annotated[str | None, "which URL of the settings: kind[position] scheme; never the URL"] = None
    error: Annotated[str | None, "why sending failed, without secrets"] = None
    happened_at: Annotated[datetime, "when"]


ALERTS = row_table(
    AlertEvent,
    name="operations.alerts",
    description="Every alert that was raised, and its delivery on each channel.",
    key=("alert_key", "event", "channel", "happened_at"),
    partition_by="event_date",
    day_of="happened_at",
)


def raise_alerts(
    lakehouse: Lakehouse, alerts: Collection[Alert], now: datetime, *, is_sent: bool = True
) -> list[Alert]:
    """Keep alerts to be sent, and give those that were new: one whose key was raised in KEPT_DAYS is not.

    What comes back after its end was told is new, once an hour at most, under a key of its own.
    Those that are not to be sent (`is_sent`) are kept without a kind, for which no channel asks.
    Safe to call twice, and from several processes: two raisers of one alert at once leave two events of one alert.

    Raises:
        TransientError: the storage did not answer, or other writers were faster every time.
    """
    if not alerts:
        return []
    events = read_events(lakehouse, now)
    known = {event.alert_key for event in events if event.event is Event.RAISED}
    going_on = open_alerts(events).keys()
    wanted: dict[str, Alert] = {}
    for alert in alerts:
        if alert.key != alert.condition:
            wanted.setdefault(alert.key, alert)
        elif alert.condition not in going_on:
            occurrence = _occurrence(alert, known, now)
            wanted.setdefault(occurrence.key, occurrence)
    fresh = [alert for key, alert in wanted.items() if key not in known]
    raised = [_raised(alert, now) for alert in fresh]
    append_events(lakehouse, raised if is_sent else [replace(event, kind=None) for event in raised])
    return fresh


def read_events(lakehouse: Lakehouse, now: datetime) -> list[AlertEvent]:
    """The events of the last KEPT_DAYS, oldest first."""
    snapshot = lakehouse.find(ALERTS)
    return [] if snapshot is None else events_in(snapshot, now)


def events_in(alerts: Snapshot, now: datetime) -> list[AlertEvent]:
    """The events of the last KEPT_DAYS in a version of ALERTS, oldest first; those without key or time are left out."""
    first = (now - timedelta(days=KEPT_DAYS)).date()
    days = [day for day in alerts.days if day >= first]
    events = rows_of(ALERTS, alerts.scan(partitions=days).drop_nulls(["alert_key", "happened_at"]).collect())
    place = {event: number for number, event in enumerate(Event)}
    return sorted(events, key=lambda row: (row.happened_at, place[row.event], row.alert_key, row.channel or ""))


def open_alerts(events: Iterable[AlertEvent]) -> dict[str, AlertEvent]:
    """By condition the last alert that was raised about it, where nobody has been told yet that it is over.

    `events` come oldest first.
    """
    raised = [event for event in events if event.event is Event.RAISED and event.condition is not None]
    keys = {event.alert_key for event in raised}
    last = {event.condition or "": event for event in raised if not event.alert_key.startswith(RECOVERED)}
    return {condition: event for condition, event in last.items() if f"{RECOVERED}{event.alert_key}" not in keys}


def read_alerts(lakehouse: Lakehouse, *, since: date) -> pl.DataFrame:
    """The alerts that were raised to be sent on `since` (UTC) or later, oldest first, each once.

    Columns: key, kind, what, where, do, run_id, job, condition, raised_at.
    """
    raised = scan_rows(lakehouse, ALERTS, since=since).filter(
        pl.col("event") == Event.RAISED, pl.col("kind").is_not_null()
    )
    named = raised.select(
        pl.col("alert_key").alias("key"),
        *("kind", "what", "where", "do", "run_id", "job", "condition"),
        pl.col("happened_at").alias("raised_at"),
    )
    return named.sort("raised_at", "key").unique("key", keep="first", maintain_order=True).collect()


def append_events(lakehouse: Lakehouse, events: Collection[AlertEvent]) -> None:
    """Append events, in one commit for each day of them."""
    append_rows(lakehouse, ALERTS, events)


def _occurrence(alert: Alert, known: Collection[str], now: datetime) -> Alert:
    """The alert under its own key, or, where people have heard that it is over, under one with the hour."""
    return replace(alert, key=f"{alert.key}/{now:%Y-%m-%dT%H}") if f"{RECOVERED}{alert.key}" in known else alert


def _raised(alert: Alert, now: datetime) -> AlertEvent:
    facts = {name: value and cut(value, TEXT_CHARACTERS) for name, value in asdict(alert).items()}
    return AlertEvent(alert_key=facts.pop("key"), event=Event.RAISED, happened_at=now, **facts)
