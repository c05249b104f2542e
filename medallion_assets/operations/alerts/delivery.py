"""Delivering alerts: every channel of the settings is an Apprise URL, and gets what it does not have yet.

Belongs here: the words of a message, sending it with a bound on time, and keeping secrets out of logs.
Does not: which channels there are, which alerts are due, or when this runs.

A channel's URL is a secret: it goes to Apprise and nowhere else. What Apprise and the HTTP library below it log while
they send is dropped, but for the status of an HTTP answer; a channel is known by its list, position and scheme.
"""

from __future__ import annotations

import logging
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING

from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import SettingsError
from medallion_assets.errors.long_texts import cut
from medallion_assets.operations.alerts.channels import Channel, channels_of, scheme
from medallion_assets.operations.alerts.marks import Marks
from medallion_assets.operations.alerts.outbox import DueAlert, DueAlerts, take_due
from medallion_assets.operations.tables.alerts import RECOVERED, Alert, Event, append_events
from medallion_assets.settings import Settings
from medallion_assets.settings.hints import typed_in

if TYPE_CHECKING:  # takes a while to import, and only those who are alerted need it
    from apprise.plugins.base import NotifyBase

SOCKET_SECONDS = 3.0
SEND_SECONDS = 6.0
"""After this a sending counts as failed, whatever it still does."""
BUDGET_SECONDS = 4.0
"""After this nothing more is begun; what is left is due again when it is free again."""
CHANNELS_AT_ONCE = 8
TITLE_CHARACTERS = 120
LEAST_CHARACTERS = 120
"""So much of what happened stays in a message, however little the service takes."""
BESIDE_THE_BODY = 16
"""What Apprise may put between a title and a body, where a service takes both as one text."""
TALKATIVE = ("apprise", "urllib3", "urllib3.connectionpool", "urllib3.util.retry", "requests")
"""The loggers that may log a URL, each by the exact name that it logs under."""
HTTP_STATUS = re.compile(r"error=(\d{3})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where people are who read a message: runs are linked at `ui_url`, `command_prefix` is typed before a command."""

    ui_url: str = ""
    command_prefix: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Host:
        """The host of some settings."""
        return cls(ui_url=settings.ui_url, command_prefix=settings.command_prefix)


_statuses: ContextVar[list[str] | None] = ContextVar("statuses", default=None)


def check_alert_urls(settings: Settings) -> None:
    """Refuse URLs that nothing can be sent to, before anything has to be.

    Raises:
        SettingsError: names the variable, the position and the scheme, and nothing else of the URL.
    """
    for channel in channels_of(settings):
        with _silent():
            service = _service(channel.url)
        if service is None:
            place = channel.place + 1
            raise SettingsError(
                f"URL {place} is not a valid Apprise URL",
                where=channel.variable,
                expected="Apprise URLs separated by spaces, such as mailtos://user:password@example.com, "
                "slack://tokenA/tokenB/tokenC, or json://host/path",
                found=f"{scheme(channel.url)}://..., the rest of which is not shown",
                do=f"correct URL {place} of {channel.variable}; https://appriseit.com says how each service is written",
            )


def deliver_due(
    lakehouse: Lakehouse,
    channels: Iterable[Channel],
    *,
    host: Host,
    now: datetime,
    marks: Marks,
    clock: Callable[[], float] = time.monotonic,
) -> DueAlerts:
    """Send what is due, all channels at the same time and each in order; give what was due and when the next is.

    Each alert is noted as delivered right after it was sent. A channel that fails is left alone for this time.
    What `marks` know as sent is not sent again, and what was sent and cannot be noted is marked there.

    Raises:
        MedallionError: the storage did not answer, or accepts no writes.
    """
    by_name = {channel.name: channel for channel in channels}
    due_alerts = take_due(lakehouse, {name: channel.takes for name, channel in by_name.items()}, now)
    if due_alerts.due:
        _load_apprise()  # takes seconds, so before the time begins; not in threads: it turns warnings off for a moment
    ends, noting = clock() + BUDGET_SECONDS, Lock()
    known: dict[str, set[str]] = {}
    unnoted: list[DueAlert] = []

    def serve(deliveries: list[DueAlert]) -> None:
        for delivery in deliveries:
            if clock() > ends:
                return
            is_known = delivery.alert.key in known[delivery.channel]
            error = None if is_known else sent(by_name[delivery.channel], delivery.alert, host)
            event = Event.DELIVERED if error is None else Event.FAILED
            try:
                with noting:
                    append_events(lakehouse, [delivery.event(event, now, error=error)])
            except LAKEHOUSE_ERRORS:
                unnoted.extend([delivery] if error is None else [])
                raise
            if error is not None:
                return

    batches = [list(deliveries) for _, deliveries in groupby(due_alerts.due, key=lambda delivery: delivery.channel)]
    for batch in batches:
        channel = batch[0].channel
        known[channel] = marks.of(channel, [delivery.alert.key for delivery in batch])
    with ThreadPoolExecutor(CHANNELS_AT_ONCE) as threads:
        served = [threads.submit(serve, batch) for batch in batches]
    for delivery in unnoted:
        marks.note(delivery.channel, delivery.alert.key, now)
    for channel_served in served:
        channel_served.result()
    return due_alerts


def sent(channel: Channel, alert: Alert, host: Host) -> str | None:
    """Send one alert; what a service breaks at is its failure, and holds up no other alert."""
    try:
        return send(channel, alert, host=host, seconds=SEND_SECONDS)
    except Exception as error:  # noqa: BLE001 - its words may hold the URL, which is a secret
        return f"the service failed: {type(error).__name__}"


def send(channel: Channel, alert: Alert, *, host: Host, seconds: float) -> str | None:
    """Send one alert; give why it failed, without secrets, or None."""
    _load_apprise()
    from apprise import Apprise, AppriseResultStatus, NotifyFormat, NotifyType, OverflowMode

    types = {"failure": NotifyType.FAILURE, "skipped": NotifyType.INFO, "success": NotifyType.SUCCESS}
    is_over = alert.key.startswith(RECOVERED)
    with _silent() as statuses:
        service = _service(channel.url)
        if service is None:
            return "Apprise cannot send to this URL"
        longest = None if service.overflow_mode == OverflowMode.SPLIT else service.body_maxlen
        title, body = message(alert, host=host, longest=longest)
        result = Apprise(service).notify(
            body=body,
            title=title,
            notify_type=NotifyType.SUCCESS if is_over else types.get(alert.kind, NotifyType.WARNING),
            body_format=NotifyFormat.TEXT,
            timeout=seconds,
        )
    if result:
        return None
    if result.status == AppriseResultStatus.TIMEOUT:
        return f"no answer within {seconds:.0f} s"
    return f"answered with HTTP status {statuses[-1]}" if statuses else "could not be reached, or refused the message"


def message(alert: Alert, *, host: Host, longest: int | None = None) -> tuple[str, str]:
    """Title and body: what happened, where, what to do, and where to look; commands are as they are typed there.

    Of a message of more than `longest` characters what happened is cut, so that the rest is still read.
    """
    what, do = (typed_in(text, prefix=host.command_prefix) for text in (alert.what, alert.do))
    short = cut(" ".join(what.split()), TITLE_CHARACTERS)
    link = f"{host.ui_url}/runs/{alert.run_id}" if alert.run_id else host.ui_url
    lines = ["", "", f"Where: {alert.where}", f"What to do: {do}"]
    lines += [f"Job: {alert.job}"] if alert.job else []
    kind = "recovered" if alert.key.startswith(RECOVERED) else alert.kind
    title, rest = f"{kind.capitalize().replace('_', ' ')}: {short}", "\n".join([*lines, f"Look: {link}"])
    if longest is not None:
        what = cut(what, max(LEAST_CHARACTERS, longest - len(title) - len(rest) - BESIDE_THE_BODY))
    return title, f"{what}{rest}"


def _service(url: str) -> NotifyBase | None:
    """What Apprise makes of a URL, with our timeouts; None when it can make nothing of it.

    A message that is too long for the service is refused for good, so it is cut, unless the URL says `overflow=split`.
    """
    _load_apprise()
    from apprise import Apprise, AppriseAsset, OverflowMode

    service = Apprise.instantiate(url, asset=AppriseAsset(app_id="medallion", app_desc="medallion"))
    if service is not None:
        service.socket_connect_timeout = min(service.socket_connect_timeout, SOCKET_SECONDS)
        service.socket_read_timeout = min(service.socket_read_timeout, SOCKET_SECONDS)
        if service.overflow_mode == OverflowMode.UPSTREAM:  # what holds where a URL says nothing
            service.overflow_mode = OverflowMode.TRUNCATE
    return service


@cache
def _load_apprise() -> None:
    """Import Apprise and all its services, which warn of modules that newer versions of Python lack."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise

        Apprise.instantiate("json://localhost")


class _Silence(logging.Filter):
    """Drops what is logged by who is sending (in its own context), but for the status of an HTTP answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        statuses = _statuses.get()
        if statuses is None:
            return True
        statuses += HTTP_STATUS.findall(record.getMessage())
        return False


_SILENCE = _Silence()


@contextmanager
def _silent() -> Iterator[list[str]]:
    """Drop what the libraries log in this context while the block runs; gives the HTTP statuses that they logged."""
    for name in TALKATIVE:
        logging.getLogger(name).addFilter(_SILENCE)  # adds it once
    statuses: list[str] = []
    before = _statuses.set(statuses)
    try:
        yield statuses
    finally:
        _statuses.reset(before)
