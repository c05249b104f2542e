"""That a failure is over is one message, to the channels that have the alert."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from medallion_assets.operations.alerts.delivery import message
from medallion_assets.operations.alerts.outbox import waiting
from medallion_assets.operations.alerts.recoveries import recoveries
from medallion_assets.operations.alerts.table import Alert, AlertEvent, Event
from medallion_assets.operations.incident import Incident
from medallion_assets_tests.operations.planted import NOW, SILVER

MAIL, HOOK = "failure[0] mailto", "failure[1] json"
ENDED = Incident(
    run_id="r1",
    job="refine",
    stage=SILVER,
    error="no",
    headline="no",
    failed_at=NOW - timedelta(hours=2),
    raised_at=NOW,
    ended_at=NOW - timedelta(hours=1),
)


def raised(key: str, *, run_id: str = "r1", at: datetime = NOW) -> AlertEvent:
    return AlertEvent(
        alert_key=key,
        event=Event.RAISED,
        kind="failure",
        what="w",
        where=SILVER,
        do="d",
        run_id=run_id,
        job="refine",
        table=SILVER,
        happened_at=at,
    )


def test_the_alert_of_the_run_that_failed_is_over_and_no_other() -> None:
    events = [raised("failed/a"), raised("failed/b", run_id="r2"), raised("slow/r1"), raised("failed/a")]
    (recovery,) = recoveries(events, [ENDED])
    assert (recovery.key, recovery.kind, recovery.table) == ("recovered/failed/a", "failure", SILVER)
    title, body = message(recovery, ui_url="http://ui")
    assert title == f"Recovered: {SILVER} has succeeded again, in a run that began at 2025-05-08 14:00 UTC"
    assert "What to do: nothing" in body


@pytest.mark.parametrize("order", [1, -1])
def test_it_goes_to_the_channels_that_have_the_alert_once(order: int) -> None:
    """A channel that has not been sent the alert yet gets that first."""

    def takes(_: Alert) -> bool:
        return True

    def due(events: list[AlertEvent]) -> set[tuple[str, str]]:
        found, _ = waiting(events, {MAIL: takes, HOOK: takes}, NOW + timedelta(minutes=1))
        return {(delivery.channel, delivery.alert.key) for delivery in found}

    def delivered(key: str, channel: str = MAIL) -> AlertEvent:
        return AlertEvent(alert_key=key, event=Event.DELIVERED, channel=channel, happened_at=NOW)

    events = [raised("failed/a"), delivered("failed/a"), raised("recovered/failed/a")][::order]
    assert due(events) == {(MAIL, "recovered/failed/a"), (HOOK, "failed/a")}
    assert due([*events, delivered("recovered/failed/a")]) == {(HOOK, "failed/a")}
