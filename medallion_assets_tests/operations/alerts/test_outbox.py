"""What is due on a channel: it rests longer after each failure, in order, and nothing is left behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from medallion_assets.operations.alerts.outbox import AT_ONCE, waiting
from medallion_assets.operations.tables.alerts import Alert, AlertEvent, Event

NOW = datetime(2025, 5, 1, 12, tzinfo=UTC)
MAIL, HOOK = "failure[0] mailto", "failure[1] json"


def takes_failures(alert: Alert) -> bool:
    return alert.kind == "failure"


CHANNELS = {MAIL: takes_failures, HOOK: takes_failures}


def raised(key: str, seconds: float = 0) -> AlertEvent:
    return AlertEvent(
        alert_key=key, event=Event.RAISED, kind="failure", what="", where="", do="", happened_at=at(seconds)
    )


def event(name: str, key: str, seconds: float, *, channel: str = MAIL) -> AlertEvent:
    return AlertEvent(alert_key=key, event=Event(name), channel=channel, happened_at=at(seconds))


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def due(events: list[AlertEvent], seconds: float) -> tuple[list[str], float | None]:
    """The keys that are due on the first channel, and in how many seconds from NOW something is next."""
    deliveries, next_at = waiting(events, {MAIL: takes_failures}, at(seconds))
    return [delivery.alert.key for delivery in deliveries], None if next_at is None else (next_at - NOW).total_seconds()


def test_what_was_raised_is_due_on_every_channel_of_its_kind_in_order() -> None:
    channels = {**CHANNELS, "success[0] json": lambda _: False}
    deliveries, next_at = waiting([raised("b", 1), raised("a", 2)], channels, at(3))
    assert [(delivery.channel, delivery.alert.key) for delivery in deliveries] == [
        (MAIL, "b"),
        (MAIL, "a"),
        (HOOK, "b"),
        (HOOK, "a"),
    ]
    assert next_at is None


def test_what_was_delivered_is_never_due_again() -> None:
    events = [raised("a"), event("sending", "a", 1), event("delivered", "a", 1), raised("a", 2)]
    assert due(events, 3) == ([], None)


def test_what_another_sender_took_is_due_when_that_must_be_dead() -> None:
    events = [raised("a"), event("sending", "a", 1)]
    assert due(events, 60) == ([], 61.0)
    assert due(events, 61) == (["a"], None)


@pytest.mark.parametrize("what", ["sending", "failed"])
def test_a_clock_that_was_set_back_holds_no_alert_up(what: str) -> None:
    """What was tried an hour from now was tried by the clock before."""
    assert due([raised("a", 3600), event(what, "a", 3600)], 0) == (["a"], None)


@pytest.mark.parametrize(
    "odd",
    [{"kind": "gossip"}, {"kind": None}, {"what": None}],
)
def test_a_row_of_another_writer_stops_no_alert(odd: dict[str, Any]) -> None:
    assert due([replace(raised("odd"), **odd), raised("a")], 1) == (["a"], None)


@pytest.mark.parametrize(("failures", "rest"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 600), (40, 600)])
def test_a_channel_rests_twice_as_long_after_each_failure(failures: int, rest: float) -> None:
    events = [raised("a"), *(event("failed", "a", second) for second in range(1, failures + 1))]
    assert due(events, failures + rest - 1) == ([], failures + rest)
    assert due(events, failures + rest) == (["a"], None)


def test_one_alert_finds_out_whether_a_channel_is_back() -> None:
    events = [raised("a"), raised("b"), event("failed", "a", 1)]
    assert due(events, 31) == (["b"], 31.0)
    events += [event("sending", "b", 31), event("delivered", "b", 31), raised("c", 32)]
    assert due(events, 32) == (["c", "a"], None)


def test_a_delivery_ends_the_rests() -> None:
    events = [raised("a"), raised("b"), *(event("failed", "a", second) for second in range(5))]
    events += [event("delivered", "b", 600), event("failed", "a", 601)]
    assert due(events, 630) == ([], 631.0)


def test_a_failure_of_one_channel_is_nothing_to_another() -> None:
    deliveries, next_at = waiting([raised("a"), event("failed", "a", 1)], CHANNELS, at(2))
    assert [delivery.channel for delivery in deliveries] == [HOOK]
    assert next_at == at(31)


def test_many_go_in_several_goes() -> None:
    events = [raised(f"{number:02}") for number in range(AT_ONCE + 1)]
    keys, next_in = due(events, 5)
    assert (keys, next_in) == ([f"{number:02}" for number in range(AT_ONCE)], 5.0)


def test_a_new_channel_is_told_of_the_day_before_and_an_old_one_of_everything() -> None:
    day = 24 * 3600
    events = [raised("old"), raised("young", 1)]
    assert due(events, day + 1) == (["young"], None)
    assert due([*events, event("failed", "young", day + 1)], 9 * day) == (["young"], None)
    known = [*events, event("failed", "old", 5), event("delivered", "young", 3 * day)]
    assert due(known, 9 * day) == (["old"], None)
