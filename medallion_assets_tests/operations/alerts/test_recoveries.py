"""That something is over is one message, to the channels that have the alert."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.alerts.delivery import Host, message
from medallion_assets.operations.alerts.outbox import waiting, waiting_alerts
from medallion_assets.operations.alerts.recoveries import recoveries
from medallion_assets.operations.tables.alerts import (
    Alert,
    AlertEvent,
    Event,
    append_events,
    open_alerts,
    raise_alerts,
    read_alerts,
    read_events,
)
from medallion_assets_tests.operations.planted import NOW, SILVER

MAIL, HOOK = "warning[0] mailto", "warning[1] json"
STALE = f"stale/{SILVER}"
BEFORE = NOW - timedelta(hours=20)


def stale(day: int) -> Alert:
    """The reminder of a day."""
    return Alert(
        key=f"{STALE}/{day}",
        kind="warning",
        what=f"{SILVER} is stale\nfor long",
        where=SILVER,
        do="d",
        table=SILVER,
        condition=STALE,
    )


def raised(alert: Alert, at: datetime = NOW) -> AlertEvent:
    return AlertEvent(
        alert_key=alert.key,
        event=Event.RAISED,
        kind=alert.kind,
        what=alert.what,
        where=alert.where,
        do=alert.do,
        table=alert.table,
        condition=alert.condition,
        happened_at=at,
    )


def delivered(key: str, channel: str = MAIL) -> AlertEvent:
    return AlertEvent(alert_key=key, event=Event.DELIVERED, channel=channel, happened_at=NOW)


def due(*events: AlertEvent) -> set[tuple[str, str]]:
    """What is to be sent, by channel and key."""

    def takes(_: Alert) -> bool:
        return True

    found, _ = waiting(events, {MAIL: takes, HOOK: takes}, NOW + timedelta(minutes=1))
    return {(delivery.channel, delivery.alert.key) for delivery in found}


FIRST, SECOND = raised(stale(1), BEFORE), raised(stale(2))
(OVER,) = recoveries(open_alerts([FIRST, SECOND]), ())


def test_all_reminders_of_what_is_over_are_one_message() -> None:
    assert (OVER.key, OVER.kind, OVER.table, OVER.condition) == (f"recovered/{STALE}/2", "warning", SILVER, STALE)
    title, body = message(OVER, host=Host(ui_url="http://ui"))
    assert title == f"Recovered: {SILVER} is stale"
    assert "What to do: nothing: the alert of 2025-05-08 at 15:00 UTC is over" in body


def test_what_goes_on_and_what_cannot_end_has_no_message() -> None:
    event = raised(Alert(key="late", kind="warning", what="w", where="w", do="d"))
    assert recoveries(open_alerts([FIRST, event]), {STALE}) == []
    assert open_alerts([event]) == {}


def test_what_is_over_is_open_again_when_it_is_raised_again() -> None:
    assert open_alerts([FIRST, SECOND, raised(OVER)]) == {}
    assert open_alerts([FIRST, raised(OVER), raised(stale(3))]) == {STALE: raised(stale(3))}


def test_it_goes_to_the_channels_that_have_the_alert_once() -> None:
    """A channel that lacks some of the alerts gets these first."""
    events = [FIRST, delivered(f"{STALE}/1"), SECOND, raised(OVER)]
    assert due(*events) == {(MAIL, f"{STALE}/2"), *((HOOK, f"{STALE}/{day}") for day in (1, 2))}
    everything = [*events, delivered(f"{STALE}/2")]
    assert (MAIL, OVER.key) in due(*everything)
    assert (HOOK, OVER.key) not in due(*everything)
    assert not any(channel == MAIL for channel, _ in due(*everything, delivered(OVER.key)))


def test_a_message_is_about_the_alerts_since_the_last_one() -> None:
    """The next silence is another: who has heard of the first alone hears of its end alone."""
    again = raised(stale(3))
    (over,) = recoveries(open_alerts([FIRST, raised(OVER), again]), ())
    first_over = raised(replace(OVER, key=f"recovered/{STALE}/1"), BEFORE)
    before = [FIRST, delivered(f"{STALE}/1"), first_over, delivered(first_over.alert_key), again, raised(over)]
    assert {key for channel, key in due(*before) if channel == MAIL} == {f"{STALE}/3"}
    after = [delivered(f"{STALE}/3", HOOK), *before]
    assert (HOOK, over.key) in due(*after), "the first it never got, as nobody could send it"


def test_a_lakehouse_that_takes_no_writes_sends_nothing_of_it(lakehouse: Lakehouse) -> None:
    """Who has the alert stands in the outbox alone."""
    raise_alerts(lakehouse, [stale(1)], NOW)
    append_events(lakehouse, [delivered(f"{STALE}/1")])
    raise_alerts(lakehouse, recoveries(open_alerts(read_events(lakehouse, NOW)), ()), NOW)
    names = {MAIL: lambda _: True, HOOK: lambda _: True}
    assert (MAIL, f"recovered/{STALE}/1") in due(*read_events(lakehouse, NOW))
    assert [alert.key for alert in waiting_alerts(lakehouse, names, NOW)] == [f"{STALE}/1"]


@pytest.mark.parametrize("is_sent", [True, False])
def test_where_nobody_wants_it_it_is_kept_and_never_sent(lakehouse: Lakehouse, is_sent: bool) -> None:
    raise_alerts(lakehouse, [stale(1)], NOW)
    for _ in range(2):
        over = recoveries(open_alerts(read_events(lakehouse, NOW)), ())
        raise_alerts(lakehouse, over, NOW, is_sent=is_sent)
    ends = [f"recovered/{STALE}/1"] if is_sent else []
    assert sorted(read_alerts(lakehouse, since=date(2025, 5, 8))["key"]) == [*ends, f"{STALE}/1"]
    assert open_alerts(read_events(lakehouse, NOW)) == {}
    events = [*read_events(lakehouse, NOW), delivered(f"{STALE}/1")]
    assert [key for channel, key in sorted(due(*events)) if channel == MAIL] == ends
