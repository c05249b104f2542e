"""Engine notes: what this project leaves in the event log of a run as data, beside the words for people.

Belongs here: writing and reading the metadata of Dagster's engine events.
Does not: what a note means, or tags, which a run that is started anew has from the former.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import dagster as dg
from dagster._core.events import EngineEventData


def leave_note(instance: dg.DagsterInstance, run: dg.DagsterRun, message: str, **note: str) -> None:
    """Leave a note with a message for people."""
    metadata = {name: dg.MetadataValue.text(value) for name, value in note.items()}
    instance.report_engine_event(message, run, EngineEventData(metadata=metadata))


def notes(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[float, Mapping[str, str]]]:
    """The notes of a run and when they were left (UNIX seconds), in order; Dagster leaves some as well."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        metadata = entry.dagster_event.engine_event_data.metadata if entry.dagster_event else {}
        yield entry.timestamp, {name: str(value.value) for name, value in metadata.items()}
