"""A disk that is full or read-only: sensors go on, and people are told what it is, once.

A real disk, the real outbox, and a web server that takes the messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import DiskFullError, PermanentError
from medallion_assets.operations.tables.alerts import Alert, raise_alerts, read_alerts
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS
from medallion_assets.orchestration.sensors.alerts import alert_sender_sensor
from medallion_assets.orchestration.sensors.run_outcomes import run_outcome_sensor
from medallion_assets.settings import Settings, load_settings
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.orchestration.sensors.test_run_outcomes import DEFINITIONS, run
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.services.listeners import Webhook, web_server
from medallion_assets_tests.services.small_disk import SmallDisk

NOW = datetime.now(UTC)
KNOWN = Alert(key="known", kind="failure", what="an export was refused", where="bronze", do="look at it")


@pytest.fixture
def lake(small_disk: SmallDisk) -> Lakehouse:
    """A lakehouse on the disk, in whose outbox one alert waits already."""
    lakehouse = Lakehouse(catalog=CATALOG, url=str(small_disk.path / "lakehouse"))
    raise_alerts(lakehouse, [KNOWN], NOW)
    return lakehouse


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with web_server() as listener:
        yield listener


@pytest.fixture
def settings(hook: Webhook, tmp_path: Path) -> Settings:
    return load_settings(
        {"MEDALLION_HOME": str(tmp_path), "MEDALLION_ALERTS_FAILURE": f"json://127.0.0.1:{hook.port}/"}
    )


def outcomes(lake: Lakehouse, instance: dg.DagsterInstance, settings: Settings, cursor: str | None) -> str:
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        repository_def=DEFINITIONS.get_repository_def(),
        resources={"lakehouse": resource_of(lake)},
    )
    with context:
        result = run_outcome_sensor(settings)(context)
    assert isinstance(result, dg.SensorResult)
    return str(result.cursor)


def sender(lake: Lakehouse, instance: dg.DagsterInstance, settings: Settings) -> None:
    resource = resource_of(lake)
    context = dg.build_sensor_context(instance=instance, resources={"lakehouse": resource})
    with context:
        assert isinstance(alert_sender_sensor(settings)(context), dg.SensorResult)


def broken(small_disk: SmallDisk, how: str) -> None:
    small_disk.fill() if how == "the disk is full" else small_disk.set_read_only(is_read_only=True)


def mended(small_disk: SmallDisk, how: str) -> None:
    small_disk.free() if how == "the disk is full" else small_disk.set_read_only(is_read_only=False)


@pytest.mark.parametrize(
    ("how", "kind"), [("the disk is full", DiskFullError), ("the disk is read-only", PermanentError)]
)
def test_every_writer_is_told_what_it_is_and_where(
    small_disk: SmallDisk, lake: Lakehouse, how: str, kind: type[Exception]
) -> None:
    """Not in the words of the libraries: to append, and to make a table."""
    broken(small_disk, how)
    for write in (lambda: raise_alerts(lake, [_alert("new")], NOW), lambda: lake.ready(PIPELINE_RUNS)):
        with pytest.raises(kind, match=rf"^operations\.\w+: {how}; expected: .*{small_disk.path}") as raised:
            write()
        assert raised.type is kind


@pytest.mark.parametrize("how", ["the disk is full", "the disk is read-only"])
def test_people_are_told_once_and_sensors_go_on(
    small_disk: SmallDisk,
    lake: Lakehouse,
    settings: Settings,
    hook: Webhook,
    dagster_instance: dg.DagsterInstance,
    how: str,
) -> None:
    broken(small_disk, how)
    run(dagster_instance, fails="it broke")
    cursor = outcomes(lake, dagster_instance, settings, None)
    for _ in range(2):
        outcomes(lake, dagster_instance, settings, None)
        sender(lake, dagster_instance, settings)
    told = hook.titles
    assert len(told) == len(set(told)) == 3
    assert [any(words in title for title in told) for words in (how, "it broke", "an export was refused")] == [True] * 3
    mended(small_disk, how)
    outcomes(lake, dagster_instance, settings, None)
    assert outcomes(lake, dagster_instance, settings, cursor) >= cursor
    sender(lake, dagster_instance, settings)
    assert hook.titles == told
    assert len(read_alerts(lake, since=NOW.date())) == 2


def test_what_no_channel_takes_is_tried_again(
    small_disk: SmallDisk, lake: Lakehouse, settings: Settings, hook: Webhook, dagster_instance: dg.DagsterInstance
) -> None:
    """The cursor waits at the run whose alert could not be kept or sent."""
    small_disk.fill()
    run(dagster_instance, fails="it broke")
    hook.status = 503
    cursor = outcomes(lake, dagster_instance, settings, None)
    hook.status = 200
    outcomes(lake, dagster_instance, settings, cursor)
    assert any("it broke" in title for title in hook.titles)


def _alert(key: str) -> Alert:
    values: dict[str, Any] = {"kind": "failure", "what": "it broke", "where": "here", "do": "mend it"}
    return Alert(key=key, **values)
