"""Recoveries: the messages that alerts are over, one for each condition that has ended.

Belongs here: which messages follow from the alerts that people know of and the conditions that go on; their words.
Does not: what goes on, or who gets the message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from medallion_assets.operations.tables.alerts import RECOVERED, Alert, AlertEvent


def recoveries(open_alerts: Mapping[str, AlertEvent], standing: Collection[str]) -> list[Alert]:
    """A message for each alert that is open and whose condition does not go on."""
    return [_over(condition, raised) for condition, raised in open_alerts.items() if condition not in standing]


def _over(condition: str, raised: AlertEvent) -> Alert:
    """The key of the last alert about it names the occurrence: whoever finds out that it is over makes this key."""
    headline = (raised.what or condition).partition("\n")[0]
    return Alert(
        key=f"{RECOVERED}{raised.alert_key}",
        kind=raised.kind or "warning",
        what=headline,
        where=raised.where or condition,
        do=f"nothing: the alert of {raised.happened_at:%Y-%m-%d at %H:%M} UTC is over",
        job=raised.job,
        table=raised.table,
        condition=condition,
    )
