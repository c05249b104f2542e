"""The outbox: which alerts are still to be sent, on which channel, and when.

Belongs here: the state that follows from the events of `operations.alerts`, and taking what is due for oneself.
Does not: sending, or which alerts there are.

That a condition has ended is sent to the channels that have an alert about it, after all alerts about it that they are
to have; those of its occurrences before have had their own message.

Each channel goes its own way. After a failure it rests, longer each time; then one alert finds out whether it is back.
An alert that failed goes behind the others, so that one which a channel always refuses holds up none. A channel that
is new in the settings gets what was raised in the day before, not the whole past.

Two senders at once send an alert once: what a sender takes is one commit on the version that it decided by, and of two
such commits one is refused. A sender that dies between sending and saying so leaves its alerts taken until
TAKEN_SECONDS are over; then they are sent again. So an alert comes at least once, and twice only after a crash there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter

from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.row_tables.rows import commit_rows
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.alerts import (
    ALERTS,
    RECOVERED,
    Alert,
    AlertEvent,
    Event,
    events_in,
    read_events,
)
from medallion_assets.settings.alerts import ALERT_KINDS

Takes = Callable[[Alert], bool]
"""Whether a channel is to have an alert."""
FIRST_REST_SECONDS = 30.0
LONGEST_REST_SECONDS = 600.0
TAKEN_SECONDS = 60.0
"""Longer than a sender may take for what it takes."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
NEW_CHANNEL_HOURS = 24.0
AT_ONCE = 10
"""So many alerts a channel is sent in one go; the rest follows in the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueAlert:
    """An alert that a channel does not have yet."""

    channel: str
    alert: Alert
    raised_at: datetime

    def event(self, event: Event, now: datetime, *, error: str | None = None) -> AlertEvent:
        """That something happened to it now, on its channel."""
        return AlertEvent(alert_key=self.alert.key, event=event, channel=self.channel, error=error, happened_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueAlerts:
    """What is due now, as one version of the table has it, and when something is next; None when nothing waits."""

    version: int
    due: list[DueAlert]
    next_due_at: datetime | None


@dataclass(slots=True)
class _AlertState:
    """One alert on one channel."""

    failures: int = 0
    taken_at: datetime | None = None
    is_delivered: bool = False


@dataclass(slots=True)
class _Channel:
    """One channel: its failures since it last delivered, and when it was first used."""

    failures: int = 0
    failed_at: datetime | None = None
    first_at: datetime | None = None
    alerts: dict[str, _AlertState] = field(default_factory=lambda: defaultdict(_AlertState))

    def follow(self, event: AlertEvent, now: datetime) -> None:
        """Take up the next event of the channel. What a clock that was set back since dates later holds up nothing."""
        state, at = self.alerts[event.alert_key], event.happened_at
        if at > now + timedelta(seconds=TAKEN_SECONDS):
            at = LONG_AGO
        self.first_at = self.first_at or at
        match event.event:
            case Event.SENDING:
                state.taken_at = at
            case Event.FAILED:
                state.taken_at, state.failures = None, state.failures + 1
                self.failed_at, self.failures = at, self.failures + 1
            case Event.DELIVERED:
                state.is_delivered, self.failures = True, 0

    def has_all(self, before: Collection[DueAlert]) -> bool:
        """Whether it has what was to be sent before, some at least."""
        return bool(before) and all(self.alerts[delivery.alert.key].is_delivered for delivery in before)

    def rests_until(self) -> datetime | None:
        """When it may be tried again; None when it works as far as anybody knows."""
        if not self.failures or self.failed_at is None:
            return None
        seconds = min(FIRST_REST_SECONDS * 2 ** min(self.failures - 1, 16), LONGEST_REST_SECONDS)
        return self.failed_at + timedelta(seconds=seconds)


def take_due(lakehouse: Lakehouse, channels: Mapping[str, Takes], now: datetime) -> DueAlerts:
    """What this sender is to send now; nobody else is given it for TAKEN_SECONDS. `channels`: by name what each takes.

    Raises:
        TransientError: the storage did not answer, or other writers were faster every time.
    """

    def take() -> DueAlerts:
        snapshot = lakehouse.ready(ALERTS)
        due, next_due_at = waiting(events_in(snapshot, now), channels, now)
        if due:
            commit_rows(snapshot, ALERTS, [delivery.event(Event.SENDING, now) for delivery in due])
        return DueAlerts(version=snapshot.version, due=due, next_due_at=next_due_at)

    return until_committed(take)


def waiting_alerts(lakehouse: Lakehouse, channels: Mapping[str, Takes], now: datetime) -> list[Alert]:
    """The alerts that some channel does not have yet, as far as the outbox can be read; nothing is taken.

    That something is over is left out: it can wait until the outbox knows who has the alert.
    `channels` are names with what each takes.
    """
    try:
        events = read_events(lakehouse, now)
    except LAKEHOUSE_ERRORS:
        return []
    due, _ = waiting(events, channels, now)
    alerts = {delivery.alert.key: delivery.alert for delivery in due}
    return [alert for key, alert in alerts.items() if not key.startswith(RECOVERED)]


def waiting(
    events: Iterable[AlertEvent], channels: Mapping[str, Takes], now: datetime
) -> tuple[list[DueAlert], datetime | None]:
    """What is due now, channel by channel, and when something is next. `events` come oldest first."""
    raised: dict[str, tuple[Alert, datetime]] = {}
    states: dict[str, _Channel] = defaultdict(_Channel)
    for event in events:
        if event.event is not Event.RAISED:
            states[event.channel or ""].follow(event, now)
        elif (alert := _alert(event)) is not None:
            raised.setdefault(alert.key, (alert, event.happened_at))
    due: list[DueAlert] = []
    later: list[datetime] = []
    for name, takes in channels.items():
        first_at = states[name].first_at or now
        since = first_at - timedelta(hours=NEW_CHANNEL_HOURS)
        deliveries = [
            DueAlert(channel=name, alert=alert, raised_at=raised_at)
            for alert, raised_at in raised.values()
            if takes(alert) and raised_at >= since
        ]
        taken, when = _due_on(states[name], _in_turn(states[name], deliveries), now)
        due += taken
        later += [when] if when is not None else []
    return due, min(later, default=None)


def _in_turn(channel: _Channel, deliveries: Iterable[DueAlert]) -> list[DueAlert]:
    """What a channel may be sent: no message that a condition has ended before the alerts about it."""
    found: list[DueAlert] = []
    about: dict[str | None, list[DueAlert]] = defaultdict(list)
    for delivery in sorted(deliveries, key=lambda delivery: (delivery.raised_at, _is_end(delivery))):
        condition = delivery.alert.condition
        if not _is_end(delivery):
            about[condition].append(delivery)
        elif not channel.has_all(about.pop(condition, ())):
            continue
        found.append(delivery)
    return found


def _is_end(delivery: DueAlert) -> bool:
    return delivery.alert.key.startswith(RECOVERED)


def _due_on(channel: _Channel, deliveries: list[DueAlert], now: datetime) -> tuple[list[DueAlert], datetime | None]:
    """What of a channel's alerts is due, and when the next is."""
    free: list[tuple[int, datetime, str, DueAlert]] = []
    later: list[datetime] = []
    for delivery in deliveries:
        state = channel.alerts[delivery.alert.key]
        taken_until = state.taken_at + timedelta(seconds=TAKEN_SECONDS) if state.taken_at else now
        if state.is_delivered:
            continue
        if taken_until > now:
            later.append(taken_until)
        else:
            free.append((state.failures, delivery.raised_at, delivery.alert.key, delivery))
    resting = channel.rests_until()
    if free and resting is not None and resting > now:
        return [], min([resting, *later])
    many = 1 if resting else AT_ONCE
    due = [delivery for *_, delivery in sorted(free, key=itemgetter(0, 1, 2))]
    return due[:many], now if len(due) > many else min(later, default=None)


def _alert(event: AlertEvent) -> Alert | None:
    """The alert that was raised; None when it is of a kind that this release does not know, or says nothing."""
    kind, what, where, do = event.kind, event.what, event.where, event.do
    if kind not in ALERT_KINDS or what is None or where is None or do is None:
        return None
    about = {"run_id": event.run_id, "job": event.job, "table": event.table, "condition": event.condition}
    return Alert(key=event.alert_key, kind=kind, what=what, where=where, do=do, **about)
