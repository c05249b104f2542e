"""Alerts while the lakehouse accepts no writes: a channel that is broken keeps nothing from the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from medallion_assets.errors import TransientError
from medallion_assets.operations.alerts.channels import Channel, channels_of
from medallion_assets.operations.alerts.delivery import Host
from medallion_assets.operations.alerts.marks import REST, Marks
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.orchestration.alert_direct import PartlySentError, send_directly
from medallion_assets.settings import load_settings
from medallion_assets_tests.services.listeners import Webhook, web_server

NOW = datetime(2025, 5, 8, 15, tzinfo=UTC)


@pytest.fixture
def marks(dagster_instance: dg.DagsterInstance) -> Marks:
    return Marks(dagster_instance.run_storage)


@pytest.fixture
def hooks() -> Iterator[tuple[Webhook, Webhook]]:
    with web_server() as works, web_server() as broken:
        broken.status = 503
        yield works, broken


def channels(hooks: tuple[Webhook, Webhook]) -> list[Channel]:
    urls = " ".join(f"json://127.0.0.1:{hook.port}/" for hook in hooks)
    return channels_of(load_settings({"MEDALLION_ALERTS_FAILURE": urls}))


def alert(key: str) -> Alert:
    return Alert(key=key, kind="failure", what=f"{key} broke", where="here", do="mend it")


def test_the_channels_that_work_get_every_alert_and_the_broken_one_rests(
    marks: Marks, hooks: tuple[Webhook, Webhook]
) -> None:
    works, broken = hooks
    for key in ("one", "two", "one"):
        with pytest.raises(PartlySentError, match=r"failure.1. json"):
            send_directly(channels(hooks), marks, [alert(key)], Host(), NOW)
    assert (len(works.titles), marks.rests("failure[1] json", NOW)) == (2, True)
    broken.status = 200
    for key in ("one", "two"):
        send_directly(channels(hooks), marks, [alert(key)], Host(), NOW + REST)
    assert (len(works.titles), sorted(set(broken.titles))) == (2, sorted(works.titles))


def test_what_no_channel_has_is_another_error(marks: Marks, hooks: tuple[Webhook, Webhook]) -> None:
    hooks[0].status = 503
    with pytest.raises(TransientError) as raised:
        send_directly(channels(hooks), marks, [alert("one")], Host(), NOW)
    assert raised.type is TransientError
