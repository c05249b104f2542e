"""That an alert is over is told whatever breaks on the way: once, or twice after a crash between sending and noting."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.alerts.outbox import TAKEN_SECONDS
from medallion_assets.operations.tables.alerts import ALERTS, Event, raise_alerts, read_events
from medallion_assets.operations.tables.every import every_table
from medallion_assets.operations.tables.incident import INCIDENTS, Incident, read_incidents, record_incidents
from medallion_assets.operations.tables.pipeline_runs import record_attempts
from medallion_assets.orchestration.assets.incidents import failure_alerts
from medallion_assets.orchestration.sensors.alerts import alert_rules_sensor, alert_sender_sensor
from medallion_assets.settings import Settings, load_settings
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.faults.injection import (
    CHANGES,
    READS_AND_COMMITS,
    Call,
    Calls,
    Disturb,
    Disturbance,
    KilledError,
    fails,
    is_killed_after,
    is_killed_before,
    loses_its_answer,
)
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.services.listeners import Webhook, web_server

FAILED_AT = NOW - timedelta(hours=2)
LATER = timedelta(seconds=TAKEN_SECONDS + 1)
MANY = 100
"""More calls of the storage than a tick makes."""
WRITTEN = (ALERTS, INCIDENTS)
"""All that the sensors write: whatever else is read is the same before another daemon's look and after it."""
FAULTS = first_quick(is_killed_after, is_killed_before, loses_its_answer, fails)


@dataclass(frozen=True)
class Story:
    """A failure of which people know, and that is over by now; nobody has told them that yet."""

    lakehouse: Lakehouse
    instance: dg.DagsterInstance
    settings: Settings
    hook: Webhook

    def judge(self, now: datetime = NOW) -> None:
        """A tick of the rules."""
        self._tick(alert_rules_sensor(self.settings), now)

    def send(self, now: datetime = NOW) -> None:
        """A tick of the sender, without its cursor."""
        self._tick(alert_sender_sensor(self.settings), now)

    def settle(self) -> None:
        """Ticks of both in peace, when what others took is free again."""
        for number in (1, 2):
            self.judge(NOW + number * LATER)
            self.send(NOW + number * LATER)

    @property
    def ends(self) -> int:
        """How often people heard of the end."""
        return sum(title.startswith("Recovered: ") for title in self.hook.titles)

    @property
    def is_noted(self) -> bool:
        """Whether the outbox knows that they did."""
        events = read_events(self.lakehouse, NOW + timedelta(days=1))
        return any(event.alert_key.startswith("recovered/") and event.event is Event.DELIVERED for event in events)

    def _tick(self, sensor: dg.SensorDefinition, now: datetime) -> None:
        resource = resource_of(self.lakehouse, clock=lambda: now)
        with dg.build_sensor_context(instance=self.instance, resources={"lakehouse": resource}) as context:
            sensor(context)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lakehouse in which a stage failed, which people were told, and then succeeded; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("failed") / "lakehouse"
    lakehouse = lakehouse_at(folder)
    broken = Incident(
        run_id="r1", job="refine", stage=SILVER, error="no", headline="no", failed_at=FAILED_AT, raised_at=NOW
    )
    raise_alerts(lakehouse, failure_alerts(lakehouse, [broken]), FAILED_AT)
    record_incidents(lakehouse, [broken])
    with web_server() as hook, dg.DagsterInstance.ephemeral() as instance:
        Story(lakehouse, instance, alerted(hook), hook).send(FAILED_AT)
        assert [title.split(": ")[0] for title in hook.titles] == ["Failure"]
    record_attempts(lakehouse, [attempt(run_id="r2", ago=3600)])
    return folder


def alerted(hook: Webhook) -> Settings:
    """With a place that failures go to."""
    return load_settings({"MEDALLION_ALERTS_FAILURE": f"json://127.0.0.1:{hook.port}"})


@pytest.fixture
def stories(tmp_path: Path, failed: Path) -> Iterator[Callable[[], Story]]:
    """Makes such stories, each in a place of its own."""
    with web_server() as hook, ExitStack() as instances:
        settings = alerted(hook)
        made = iter(range(MANY))

        def story() -> Story:
            hook.posts.clear()
            place = tmp_path / str(next(made))
            shutil.copytree(failed, place)
            instance = instances.enter_context(dg.DagsterInstance.ephemeral())
            return Story(lakehouse_at(place), instance, settings, hook)

        yield story


def judged(story: Story) -> Story:
    """The same, whose end waits to be sent."""
    story.judge()
    return story


def each_call(
    stories: Callable[[], Story],
    act: Callable[[Story], None],
    disturb: Disturb,
    calls: Calls = CHANGES,
    tables: Collection[Table] | None = None,
) -> Iterator[Story]:
    """A story for each of the `calls` of the storage that `act` makes, in which that one is disturbed."""
    for number in range(MANY):
        story, disturbance = stories(), Disturbance(number, disturb, calls, tables)
        with suppress(KilledError, *LAKEHOUSE_ERRORS):
            act(replace(story, lakehouse=disturbance.of(story.lakehouse)))
        if not disturbance.has_happened:
            assert number > 1
            return
        yield story
    raise AssertionError(MANY)


@pytest.mark.slow
@pytest.mark.parametrize("disturb", FAULTS)
def test_a_disturbed_look_loses_no_end_and_tells_it_once(stories: Callable[[], Story], disturb: Disturb) -> None:
    for story in each_call(stories, Story.judge, disturb):
        story.settle()
        assert story.ends == 1
        assert [incident.ended_at is None for incident in read_incidents(story.lakehouse)] == [False]


@pytest.mark.parametrize("disturb", FAULTS)
def test_a_disturbed_sending_loses_no_end(stories: Callable[[], Story], disturb: Disturb) -> None:
    """Twice only where the process died after it had sent and before that was noted, as it is with every alert."""
    twice = 0
    for story in each_call(lambda: judged(stories()), Story.send, disturb):
        is_sent_unnoted = bool(story.ends) and not story.is_noted and disturb in (is_killed_before, is_killed_after)
        story.settle()
        assert story.ends == 1 + is_sent_unnoted
        twice += is_sent_unnoted
    assert (twice > 0) == (disturb in (is_killed_before, is_killed_after))


def test_a_look_writes_what_it_is_disturbed_at(stories: Callable[[], Story]) -> None:
    story = stories()
    before = versions(story.lakehouse)
    story.judge()
    story.send()
    after = versions(story.lakehouse)
    assert {name for name in after if after[name] != before.get(name)} == {table.name for table in WRITTEN}


def versions(lakehouse: Lakehouse) -> dict[str, int]:
    return {
        table.name: lakehouse.open(table).version for table in every_table(lakehouse.catalog) if lakehouse.exists(table)
    }


@pytest.mark.slow
def test_another_daemon_between_any_two_calls_tells_nothing_twice(stories: Callable[[], Story]) -> None:
    """It judges and sends as well: before the first daemon has read, between its reading and its commit, and after."""
    begun: list[Story] = []

    def look(story: Story) -> None:
        begun.append(story)
        story.judge()
        story.send()

    def another(call: Call) -> object:
        look(begun[-1])
        return call()

    for story in each_call(stories, look, another, READS_AND_COMMITS, WRITTEN):
        story.settle()
        assert story.ends == 1


def test_an_outbox_that_cannot_be_read_ends_nothing_and_loses_no_end(stories: Callable[[], Story]) -> None:
    """Who has the alert stands there alone. That nothing can be kept is told without it, once, and so is its end."""
    story = stories()
    version = story.lakehouse.open(ALERTS).version
    torn = Path(story.lakehouse.uri(ALERTS)) / "_delta_log" / f"{version + 1:020}.json"
    torn.write_text("torn")
    for _ in range(2):
        story.judge()
        story.send()
    assert story.ends == 0
    assert len([title for title in story.hook.titles if "operations.alerts" in title]) == 1
    torn.unlink()
    story.settle()
    kinds = [title.split(": ")[0] for title in story.hook.titles]
    assert sorted(kinds) == ["Failure"] + ["Recovered"] * 2
