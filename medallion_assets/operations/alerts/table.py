"""Alerts: what people are told, kept in a table until every channel has it.

Belongs here: the `operations.alerts` table, what an alert is, and raising one.
Does not: when to raise one (operations.alerts.rules), what is still to be sent (operations.alerts.outbox), or sending
it (operations.alerts.delivery).

The table holds events and is only appended to: `raised`, and for each channel `sending`, `delivered` and `failed`. What
is so now follows from them, so writers need not know of each other.

An alert is known by its key, and the same key is not raised again for KEPT_DAYS. So a key names the occurrence: the
export, the version, the failure streak, or, for what goes on until a person acts, the day, which reminds once a day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

import polars as pl

from medallion_assets.contracts.table import Column, Date, Table, Text, TimestampUtc
from medallion_assets.delta.appending import append_rows
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.settings import ALERT_KINDS

KEPT_DAYS = 30
"""So long an alert is not raised again, and is tried to be sent."""
TEXT_CHARACTERS = 4000
"""What is longer is cut: an error may carry a page."""
ALERTS = Table(
    name="operations.alerts",
    description="What people are told: every alert that was raised, and what became of it on each channel.",
    key=("alert_key", "event", "channel", "happened_at"),
    partition_by="event_date",
    columns=(
        Column("alert_key", Text(), "names the occurrence; the same one is not told twice"),
        Column("event", Text(), "raised, sending, delivered or failed"),
        Column("kind", Text(), "failure, warning, skipped or success", nullable=True),
        Column("what", Text(), "what happened; of a raised alert, as the four columns below", nullable=True),
        Column("where", Text(), "the table, export, job or day", nullable=True),
        Column("do", Text(), "what a person can do about it", nullable=True),
        Column("run_id", Text(), "the Dagster run, where there is one", nullable=True),
        Column("job", Text(), "its job", nullable=True),
        Column("channel", Text(), "which URL of the settings: kind[position] scheme; never the URL", nullable=True),
        Column("error", Text(), "why sending failed, without secrets", nullable=True),
        Column("happened_at", TimestampUtc(), "when"),
        Column("event_date", Date(), "UTC day of happened_at"),
    ),
)


class Event(StrEnum):
    """What happens to an alert, in this order."""

    RAISED = "raised"
    SENDING = "sending"
    FAILED = "failed"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to tell. `kind` is one of settings.ALERT_KINDS: it chooses the channels.

    `key` names the occurrence, `what` happened `where`, and what a person can `do`. No part may hold a secret.
    """

    key: str
    kind: str
    what: str
    where: str
    do: str
    run_id: str | None = None
    job: str | None = None

    def __post_init__(self) -> None:
        """Refuse a kind that no setting has channels for."""
        if self.kind not in ALERT_KINDS:
            raise PermanentError(
                f"alert {self.key} is of a kind that does not exist",
                expected=f"one of {', '.join(ALERT_KINDS)}",
                found=repr(self.kind),
                do="correct the rule that makes it",
            )


def raise_alerts(lakehouse: Lakehouse, alerts: Collection[Alert], now: datetime) -> list[Alert]:
    """Keep alerts to be sent, and give those that were new: one whose key was raised in KEPT_DAYS is not.

    Safe to call twice, and from several processes: two raisers of one alert at once leave two events of one alert.

    Raises:
        TransientError: the storage did not answer, or other writers were faster every time.
    """
    wanted: dict[str, Alert] = {}
    for alert in alerts:
        wanted.setdefault(alert.key, alert)
    if not wanted:
        return []
    known = read_events(lakehouse.ready(ALERTS), now).filter(pl.col("event") == Event.RAISED)["alert_key"]
    fresh = [alert for alert in wanted.values() if alert.key not in set(known)]
    append_events(lakehouse, [{**_cut(alert), "event": Event.RAISED} for alert in fresh], now)
    return fresh


def read_events(alerts: Snapshot, now: datetime) -> pl.DataFrame:
    """The events of the last KEPT_DAYS, oldest first; the columns of ALERTS."""
    first = (now - timedelta(days=KEPT_DAYS)).date()
    days = [day for day in alerts.partitions if day is not None and day >= first]
    events = alerts.scan(partitions=days).collect()
    order = events["event"].replace_strict({str(event): place for place, event in enumerate(Event)}, default=None)
    return events.sort("happened_at", order, "alert_key", "channel")


def read_alerts(lakehouse: Lakehouse, *, since: date) -> pl.DataFrame:
    """The alerts that were raised on `since` (UTC) or later, oldest first, each once.

    Columns: key, kind, what, where, do, run_id, job, raised_at.
    """
    names = {"alert_key": "key", "happened_at": "raised_at"}
    columns = ["alert_key", "kind", "what", "where", "do", "run_id", "job", "happened_at"]
    if not lakehouse.exists(ALERTS):
        schema = polars_schema(ALERTS)
        return pl.DataFrame(schema={names.get(name, name): schema[name] for name in columns})
    alerts = lakehouse.open(ALERTS)
    days = [day for day in alerts.partitions if day is not None and day >= since]
    raised = alerts.scan(partitions=days).filter(pl.col("event") == Event.RAISED).select(columns).rename(names)
    return raised.sort("raised_at", "key").unique("key", keep="first", maintain_order=True).collect()


def append_events(lakehouse: Lakehouse, events: Collection[Mapping[str, object]], now: datetime) -> None:
    """Append events (columns of ALERTS; those that are not named are null) that happen now."""
    append_rows(lakehouse, ALERTS, [event_row(event, now) for event in events], day=now.date())


def event_row(event: Mapping[str, object], now: datetime) -> dict[str, object]:
    """The whole row of an event that happens now."""
    return {**dict.fromkeys(ALERTS.column_names), **event, "happened_at": now, "event_date": now.date()}


def _cut(alert: Alert) -> dict[str, object]:
    facts: dict[str, object] = {
        name: f"{value[: TEXT_CHARACTERS - 1]}…" if value and len(value) > TEXT_CHARACTERS else value
        for name, value in asdict(alert).items()
    }
    return {"alert_key": facts.pop("key"), **facts}
