"""Alerts while the lakehouse accepts no writes: they are sent at once, since the outbox cannot keep them.

Belongs here: raising alerts so that a disk that is full, read-only or gone cannot keep alerts from people.
Does not: the outbox, or what raises alerts (triggers).

Each channel is sent an alert once: a mark in Dagster's own storage says so, and the outbox takes it over when it can be
written again. One more alert says that the lakehouse cannot be written, once a day. A message that a channel does not
take is an error, for whoever raised it to come back to; the other channels get it, and all that follows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import DiskFullError, PermanentError, TransientError
from medallion_assets.operations.alerts.channels import Channel, channels_of
from medallion_assets.operations.alerts.delivery import Host, sent
from medallion_assets.operations.alerts.marks import Marks
from medallion_assets.operations.tables.alerts import ALERTS, Alert, AlertEvent, Event, append_events, raise_alerts
from medallion_assets.settings import Settings

MOST_DIRECT = 5
"""So many are sent to a channel in one go: a sensor has a minute, and each may take seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The alerts that were new, and whether the outbox has them: else channels were sent them without it."""

    new: list[Alert]
    is_kept: bool


class PartlySentError(TransientError):
    """Each alert has reached some channel, and not all that are meant to have it."""


def keep_or_send(
    lakehouse: Lakehouse,
    instance: dg.DagsterInstance,
    settings: Settings | None,
    alerts: Collection[Alert],
    now: datetime,
) -> Raised:
    """Keep alerts to be sent, or send them where they cannot be kept.

    Raises:
        One of LAKEHOUSE_ERRORS: they could neither be kept, nor sent to every channel that is meant to have them.
    """
    if not alerts:
        return Raised(new=[], is_kept=True)
    channels = channels_of(settings) if settings else []
    marks, host = Marks(instance.run_storage), Host.of(settings) if settings else Host()
    try:
        fresh = raise_alerts(lakehouse, alerts, now)
        _take_over(lakehouse, channels, marks, fresh, now)
    except LAKEHOUSE_ERRORS as error:
        if not channels or not takes_no_writes(error):
            raise
        sent_now = send_directly(channels, marks, [unwritable(lakehouse, error, now), *alerts], host, now)
        return Raised(new=sent_now, is_kept=False)
    return Raised(new=fresh, is_kept=True)


def takes_no_writes(error: Exception) -> bool:
    """Whether an error means that the lakehouse accepts no writes until a person acts, and not just now."""
    return isinstance(error, (PermanentError, DiskFullError))


def unwritable(lakehouse: Lakehouse, error: Exception, now: datetime) -> Alert:
    """The alert that the outbox cannot be written, once a day."""
    return Alert(
        key=f"unwritable/{ALERTS.name}/{now.date()}",
        kind="failure",
        what=f"the lakehouse accepts no writes: {error}",
        where=lakehouse.uri(ALERTS),
        do="do what the error says; until then nothing is loaded or published, and alerts are sent without being kept",
        condition="unwritable",
    )


def unwritable_before(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, settings: Settings, now: datetime
) -> Iterator[Alert]:
    """The alert that the outbox could not be written, where channels were sent it since yesterday.

    It is kept afterwards, so that they hear that it is over.
    """
    marks = Marks(instance.run_storage)
    for day in (now - timedelta(days=1), now):
        alert = unwritable(lakehouse, PermanentError("for a while"), day)
        if any(marks.of(channel.name, [alert.key]) for channel in channels_of(settings)):
            yield alert


def send_directly(
    channels: Collection[Channel], marks: Marks, alerts: Collection[Alert], host: Host, now: datetime
) -> list[Alert]:
    """Send alerts to the channels that take them, each once; gives those that some channel was sent.

    A channel that did not take one rests for a minute, if there are others: they do not wait for it.

    Raises:
        PartlySentError: a channel did not take one, or has more to come; others have each of them.
        TransientError: an alert has reached no channel.
    """
    newly_sent: dict[str, Alert] = {}
    reached: set[str] = set()
    open_ends: list[str] = []
    for channel in channels:
        wanted = {alert.key: alert for alert in alerts if channel.takes(alert)}
        known = marks.of(channel.name, wanted)
        left = [alert for key, alert in wanted.items() if key not in known]
        reached |= known
        if left and len(channels) > 1 and marks.rests(channel.name, now):
            open_ends.append(f"{channel.name}: it failed within the last minute")
            continue
        for alert in left[:MOST_DIRECT]:
            if (error := sent(channel, alert, host)) is not None:
                open_ends.append(f"{channel.name}: {error}")
                marks.rest(channel.name, now)
                break
            marks.note(channel.name, alert.key, now)
            reached.add(alert.key)
            newly_sent[alert.key] = alert
        if len(left) > MOST_DIRECT:
            open_ends.append(f"{channel.name}: {len(left) - MOST_DIRECT} more")
    if open_ends:
        is_partly = all(alert.key in reached for alert in alerts if any(channel.takes(alert) for channel in channels))
        raise (PartlySentError if is_partly else TransientError)(
            "alerts can neither be kept nor sent",
            expected="a lakehouse that can be written, or every channel to answer",
            found="; ".join(open_ends),
            do="nothing for the channels: they are tried again; make the lakehouse writable",
        )
    return list(newly_sent.values())


def _take_over(
    lakehouse: Lakehouse, channels: Iterable[Channel], marks: Marks, fresh: Collection[Alert], now: datetime
) -> None:
    """Note in the outbox what channels were sent without it, now that it can be written again."""
    delivered = [
        AlertEvent(alert_key=key, event=Event.DELIVERED, channel=channel.name, happened_at=now)
        for channel in channels
        for key in sorted(marks.of(channel.name, [alert.key for alert in fresh if channel.takes(alert)]))
    ]
    append_events(lakehouse, delivered)
