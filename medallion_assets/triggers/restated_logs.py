"""The logs that tell what a Gold table lacks: Silver's, its own, and Dagster's event log, read on from a cursor.

Belongs here: reading, and the cursor that says up to where. Who has no cursor, or one that fits no more, reads all.
Does not: what follows from it (restated.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import dagster as dg

from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.delta import RESTATED, Lakehouse, Snapshot, commit_note, commits_since
from medallion_assets.lakehouse.partitions import REMOVED, REPLACED, SOURCE_NOTE
from medallion_assets.reporting import asset_key
from medallion_assets.silver.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.triggers.restated import NEVER, Building, Ledger, Publishing, Restating, advance

EVENTS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A ledger and up to where the logs were read for it: versions of Silver and Gold, and the last event's id.

    `tables` are the ids of the two Delta tables: another table under the same name is read from its beginning.
    """

    ledger: Ledger
    silver_version: int = NEVER
    gold_version: int = NEVER
    event_id: int = 0
    tables: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """The reading as JSON values."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def parse_reading(values: Any, *, as_of: bool) -> Reading:
    """The reading that was dumped; one of nothing if it was not, or for another kind of table."""
    try:
        kept = values["ledger"]
        published = kept["published"]
        ledger = Ledger(
            as_of=kept["as_of"],
            first_day=_day(kept["first_day"]),
            greatest_day=_day(kept["greatest_day"]),
            restated=_days(kept["restated"]),
            built=_days(kept["built"]),
            unpublished=_days(kept["unpublished"]),
            published=published and (date.fromisoformat(published[0]), int(published[1])),
        )
        positions = {name: int(values[name]) for name in ("silver_version", "gold_version", "event_id")}
        reading = Reading(ledger=ledger, tables=tuple(values["tables"]), **positions)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):  # lost, or of another version
        return Reading(ledger=Ledger(as_of=as_of))
    return reading if reading.ledger.as_of == as_of else Reading(ledger=Ledger(as_of=as_of))


def is_as_of(gold: Table) -> bool:
    """Whether a day of the table holds all that happened up to it: then a restated day touches every later one."""
    return gold.partition_by == "as_of_date"


def read_on(
    reading: Reading, lakehouse: Lakehouse, instance: dg.DagsterInstance, gold: Table, serving: Table
) -> Reading:
    """Read what the logs say after `reading`; both tables are there.

    Raises:
        TransientError: the storage did not answer.
    """
    event_id, publishings = _publishings(instance, serving, reading.event_id)
    built, silver = lakehouse.open(gold), lakehouse.open(ENRICHED_TRANSACTIONS)  # in this order: see `advance`
    tables = (str(built.delta.metadata().id), str(silver.delta.metadata().id))
    gone = silver.version < reading.silver_version or built.version < reading.gold_version
    if gone or (reading.tables and reading.tables != tables):
        return read_on(Reading(ledger=Ledger(as_of=reading.ledger.as_of)), lakehouse, instance, gold, serving)
    ledger = reading.ledger
    if silver.version > reading.silver_version:
        days = [day for day in silver.partitions if day is not None]
        ledger = replace(ledger, first_day=min(days, default=None), greatest_day=max(days, default=None))
    ledger = advance(
        ledger,
        restatings=_restatings(silver, reading.silver_version),
        buildings=_buildings(built, reading.gold_version),
        publishings=publishings,
    )
    return Reading(
        ledger=ledger,
        silver_version=silver.version,
        gold_version=built.version,
        event_id=event_id,
        tables=tables,
    )


def is_audited(instance: dg.DagsterInstance, gold: Table, day: date, version: int) -> bool:
    """Whether what a version of Gold (or a later one) holds of a day passed its checks, in the run that built it."""
    wanted = dg.AssetRecordsFilter(asset_key=asset_key(gold), asset_partitions=[str(day)])
    return any(
        built >= version and _passed(instance, record.run_id, gold)
        for record in instance.fetch_materializations(wanted, limit=1).records
        if (built := _table_version(record)) is not None
    )


def _passed(instance: dg.DagsterInstance, run_id: str, gold: Table) -> bool:
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    events = [entry.dagster_event for entry in entries if entry.dagster_event is not None]
    verdicts = [event.asset_check_evaluation_data for event in events]
    return all(verdict.passed for verdict in verdicts if verdict.asset_key == asset_key(gold))


def _restatings(silver: Snapshot, version: int) -> Iterator[Restating]:
    if version == NEVER:  # days that no commit speaks of
        yield Restating(version=0, days=[day for day in silver.partitions if day is not None])
    for commit in reversed(commits_since(silver, version)):
        days = commit_note(commit, RESTATED) or []
        yield Restating(version=commit["version"], days=[date.fromisoformat(day) for day in days])


def _buildings(gold: Snapshot, version: int) -> Iterator[Building]:
    for commit in reversed(commits_since(gold, version)):
        source = commit_note(commit, SOURCE_NOTE)
        if source is not None:
            yield Building(
                version=commit["version"],
                source_version=source,
                replaced=[date.fromisoformat(day) for day in commit_note(commit, REPLACED) or []],
                removed=[date.fromisoformat(day) for day in commit_note(commit, REMOVED) or []],
            )


def _publishings(instance: dg.DagsterInstance, serving: Table, event_id: int) -> tuple[int, list[Publishing]]:
    """The publishes after an event, and the id of the last event."""
    found: list[Publishing] = []
    more = True
    while more:
        wanted = dg.AssetRecordsFilter(asset_key=asset_key(serving), after_storage_id=event_id)
        page = instance.fetch_materializations(wanted, limit=EVENTS_AT_ONCE, ascending=True)
        for record in page.records:
            event_id = max(event_id, record.storage_id)
            version = _table_version(record)
            if record.partition_key is not None and version is not None:
                found.append(Publishing(day=date.fromisoformat(record.partition_key), version=version))
        more = page.has_more
    return event_id, found


def _table_version(record: dg.EventLogRecord) -> int | None:
    """The version of Gold that a materialization of Gold or serving tells."""
    materialization = record.asset_materialization
    version = materialization.metadata.get("table_version") if materialization is not None else None
    return version.value if isinstance(version, dg.IntMetadataValue) else None


def _plain(value: Any) -> Any:
    """Days as text, in keys as well."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, date) else value


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _days(versions: dict[str, int]) -> dict[date, int]:
    return {date.fromisoformat(day): int(version) for day, version in versions.items()}
