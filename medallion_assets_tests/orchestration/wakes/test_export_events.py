"""What a queue tells of wakes the sensors of arrivals. One that does not answer is as good as none, and is noted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.wakes.arrivals import TOGETHER_SECONDS
from medallion_assets.orchestration.wakes.event_notes import NOTE_SECONDS, SILENT_SECONDS, EventNote, EventNotes
from medallion_assets.orchestration.wakes.export_events import ExportEvents, may_complete
from medallion_assets.orchestration.wakes.messages import LONGEST_BYTES, Message, listen, read
from medallion_assets.storage.object_events import Created, Queue, QueueMessage
from medallion_assets_tests.instances import instance_on_disk
from medallion_assets_tests.orchestration.wakes.test_waker import state_of
from medallion_assets_tests.services.object_events import BUCKET, REGION, TellingBucket, telling_bucket

RAW = f"s3://{BUCKET}/raw"
EXPORT = "raw/customers/2025/AWSDynamoDB/01735689600000-0000000a"
NOW = 4_000_000_000.0


@pytest.fixture(scope="module")
def bucket() -> Iterator[TellingBucket]:
    with telling_bucket() as found:
        yield found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with instance_on_disk() as found:
        for name in ("arrivals_shop", "file_arrival_tickets", "restated_sales"):
            found.add_instigator_state(state_of(name))
        yield found


class Woken:
    """What is said to the waker."""

    def __init__(self, home: Path) -> None:
        self.listener = listen(home)
        self.listener.setblocking(False)

    def __call__(self) -> list[Message | None]:
        found = []
        try:
            while True:
                found.append(read(self.listener.recv(LONGEST_BYTES)))
        except BlockingIOError:
            return found


@pytest.fixture
def woken(instance: dg.DagsterInstance) -> Iterator[Woken]:
    found = Woken(Path(instance.root_directory))
    yield found
    found.listener.close()


ARRIVALS = Message(sensors=("arrivals_shop", "file_arrival_tickets"), after_seconds=TOGETHER_SECONDS)


def note_of(instance: dg.DagsterInstance) -> EventNote:
    found = EventNotes(instance.run_storage).read()
    assert found is not None
    return found


def test_a_manifest_wakes_every_sensor_of_arrivals_and_its_message_is_deleted(
    bucket: TellingBucket, instance: dg.DagsterInstance, woken: Woken
) -> None:
    events = ExportEvents(instance, Queue(bucket.queue_url, REGION), RAW)
    bucket.put(f"{EXPORT}/manifest-summary.json")
    while bucket.bodies():
        assert events.ask()
    assert woken() == [ARRIVALS]
    assert note_of(instance).problem == ""


def test_messages_that_make_no_sense_are_deleted_and_hold_up_no_other(
    bucket: TellingBucket, instance: dg.DagsterInstance, woken: Woken
) -> None:
    events = ExportEvents(instance, Queue(bucket.queue_url, REGION), RAW)
    for number in range(12):
        bucket.send(f"forged {number}")
        bucket.send(json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": number}]}))
    bucket.put("other/place/manifest-summary.json")
    bucket.put(f"{EXPORT}/data/abc.json.gz")
    while bucket.bodies():
        assert events.ask()
    assert woken() == []
    bucket.put(f"{EXPORT}/manifest-files.json")
    while bucket.bodies():
        assert events.ask()
    assert woken() == [ARRIVALS]


class Away:
    """A queue that refuses."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error

    def receive(self) -> list[QueueMessage]:
        if self.error is not None:
            raise self.error
        return []

    def delete(self, messages: list[QueueMessage]) -> None:
        assert messages == []


@pytest.mark.parametrize("error", [PermanentError("AccessDenied", do="allow it"), RuntimeError("of a library")])
def test_a_queue_that_does_not_answer_is_noted_and_sensors_look_as_without_one(
    instance: dg.DagsterInstance, woken: Woken, error: Exception
) -> None:
    queue = Away(error)
    events = ExportEvents(instance, queue, RAW)
    assert not events.ask()
    assert not events.ask()
    assert woken() == [ARRIVALS, ARRIVALS]
    assert str(error) in note_of(instance).problem
    queue.error = None
    assert events.ask()
    assert woken() == []
    assert note_of(instance).problem == ""


def test_a_queue_that_cannot_delete_is_noted_and_the_message_comes_again(
    instance: dg.DagsterInstance, woken: Woken, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Away(RuntimeError())
    queue.error = None

    def refuse(_: Any) -> None:
        raise PermanentError("AccessDenied", do="allow sqs:DeleteMessage")

    monkeypatch.setattr(queue, "delete", refuse)
    assert not ExportEvents(instance, queue, RAW).ask()
    assert "sqs:DeleteMessage" in note_of(instance).problem
    assert woken() == [ARRIVALS]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (f"{EXPORT}/manifest-summary.json", True),
        (f"{EXPORT}/manifest-summary.md5", True),
        (f"{EXPORT}/_started", False),
        (f"{EXPORT}/data/abc.json.gz", False),
        ("raw/customers/AWSDynamoDB/data/abc.json.gz", False),
        ("raw/tickets/2025-01.parquet", True),
        ("rawhide/tickets/2025-01.parquet", False),
        ("raw", False),
    ],
)
def test_an_object_is_worth_a_look_when_an_export_may_be_complete_with_it(key: str, expected: bool) -> None:
    assert may_complete(Created(bucket=BUCKET, key=key), RAW) is expected
    assert not may_complete(Created(bucket="other", key=key), RAW)


def test_what_is_noted_says_since_when_it_is_so_and_is_written_seldom(instance: dg.DagsterInstance) -> None:
    notes = EventNotes(instance.run_storage)
    assert notes.read() is None
    notes.note("", NOW)
    notes.note("", NOW + NOTE_SECONDS - 1)
    assert note_of(instance) == EventNote(at=NOW, problem="", since=NOW)
    notes.note("AccessDenied", NOW + 61)
    notes.note("AccessDenied", NOW + 61 + NOTE_SECONDS)
    found = note_of(instance)
    assert found == EventNote(at=NOW + 61 + NOTE_SECONDS, problem="AccessDenied", since=NOW + 61)
    assert found.problem_at(found.at) == "AccessDenied"
    silent = found.at + SILENT_SECONDS + 1
    assert found.problem_at(silent) == f"the daemon has not polled the queue for {SILENT_SECONDS + 1:.0f} s"
    assert found.seconds_at(silent) == silent - NOW - 61


def test_a_note_of_somebody_else_is_none(instance: dg.DagsterInstance) -> None:
    for text in ("no JSON", "[]", '{"at": 1}', json.dumps({"at": "now", "problem": "", "since": 0})):
        instance.run_storage.set_cursor_values({"medallion/export_events": text})
        assert EventNotes(instance.run_storage).read() is None
