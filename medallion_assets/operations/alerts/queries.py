"""Query alerts: queries of the user's own that must find nothing, and what people are told when one does.

Belongs here: the file that declares them, asking them one by one, and the words of their alerts and incidents.
Does not: what a query may do, or when they are asked.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import MedallionError, SettingsError
from medallion_assets.errors.long_texts import cut
from medallion_assets.errors.rows import row_as_json
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.incident import Incident, end_incidents, read_incidents, record_incidents
from medallion_assets.operations.tables.incident_ends import open_incidents
from medallion_assets.settings import QUERY_ALERTS
from medallion_assets.settings.schedules import QUERY_ALERTS_JOB

SEVERITIES = ("warning", "failure")
NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
ROWS_SHOWN = 5
ROW_CHARACTERS = 400
MOST_SECONDS = 600.0
EXPECTED = (
    'a table for each query: [name_of_letters_digits_and_underscores] with query = "...", and if you like severity = '
    f'"warning" or "failure", do = "what a person can do" and at_most_seconds = 0 to {MOST_SECONDS:g}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAlert:
    """A query that must find no row. `do` is what a person can do when it does."""

    name: str
    query: str
    severity: str = "warning"
    do: str = 'run the query again with `medallion sql "..."` to see all rows, and fix their cause'
    at_most_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFinding:
    """What a query found: how many rows, and the first of them as JSON; or why it gave no answer."""

    asked: QueryAlert
    rows: int = 0
    first_rows: tuple[str, ...] = ()
    error: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether it was answered, and found nothing."""
        return self.error is None and self.rows == 0

    def alert(self, now: datetime, *, run_id: str | None = None) -> Alert:
        """What people are told, once a day as long as it stays so."""
        asked = self.asked
        run: dict[str, Any] = {"run_id": run_id, "job": QUERY_ALERTS_JOB if run_id else None}
        run["condition"] = f"query/{QUERY_ALERTS_JOB}.{asked.name}"
        if self.error is not None:
            return Alert(
                key=f"query_unanswered/{asked.name}/{now.date()}",
                kind=asked.severity,
                what=f"the query {asked.name} was not answered: {self.error}",
                where=asked.name,
                do=f"correct it in the file that {QUERY_ALERTS} names, or do what the error says; until then its "
                f"findings are not reported",
                **run,
            )
        listed = "\n".join(self.first_rows)
        return Alert(
            key=f"query/{asked.name}/{now.date()}",
            kind=asked.severity,
            what=f"the query {asked.name} found {self.rows:,} row{'s' * (self.rows != 1)}; expected: none; the first:\n"
            f"{listed}",
            where=asked.name,
            do=asked.do,
            **run,
        )

    def incident(self, now: datetime, *, run_id: str, trigger: str | None) -> Incident:
        """What is kept of it beyond the alert: the rows themselves. The stage is called like the query."""
        alert = self.alert(now)
        return Incident(
            run_id=run_id,
            job=QUERY_ALERTS_JOB,
            stage=f"{QUERY_ALERTS_JOB}.{self.asked.name}",
            trigger=trigger,
            error=alert.what,
            error_kind="the query found rows" if self.error is None else "the query was not answered",
            headline=alert.what.partition("\n")[0],
            expected="no row",
            found=f"{self.rows:,}" if self.error is None else self.error,
            do=alert.do,
            sample=json.dumps(list(map(_row, self.first_rows)), ensure_ascii=False) if self.first_rows else None,
            failed_at=now,
            raised_at=now,
        )


def record_findings(
    lakehouse: Lakehouse, findings: Iterable[QueryFinding], now: datetime, *, run_id: str, trigger: str | None = None
) -> list[Incident]:
    """An incident for each query that found something, or gave no answer: one a day, as its alert is. Gives the new.

    Those of queries that find nothing any more have ended.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    findings = list(findings)
    well = {f"{QUERY_ALERTS_JOB}.{finding.asked.name}" for finding in findings if finding.is_well}
    unended = [found for found in open_incidents(lakehouse, now) if found.stage in well]
    end_incidents(lakehouse, [replace(found, ended_at=now) for found in unended])
    incidents = [finding.incident(now, run_id=run_id, trigger=trigger) for finding in findings if not finding.is_well]
    if not incidents:
        return []
    known = {found.stage for found in read_incidents(lakehouse, since=now.date()) if found.ended_at is None}
    return record_incidents(lakehouse, [incident for incident in incidents if incident.stage not in known])


def read_query_alerts(file: Path | None) -> tuple[QueryAlert, ...]:
    """The queries that a TOML file declares, in its order; none where no file is set.

    Raises:
        SettingsError: there is no such file, or it says something else.
    """
    if file is None:
        return ()
    try:
        declared = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(f"{file}: {error}") from error
    if not declared:
        raise _refused(f"{file}: nothing")
    return tuple(_query_alert(file, name, given) for name, given in declared.items())


def ask_all(lakehouse: Lakehouse, queries: Iterable[QueryAlert], *, workspace: Path) -> Iterator[QueryFinding]:
    """Ask one after the other. One that fails or takes too long says so, and stops no other."""
    for asked in queries:
        try:
            yield _ask(lakehouse, asked, workspace)
        except MedallionError as error:
            yield QueryFinding(asked=asked, error=str(error))


def _ask(lakehouse: Lakehouse, asked: QueryAlert, workspace: Path) -> QueryFinding:
    from medallion_assets.operations.sql.answer import answer  # it brings DuckDB, which definitions load without

    first_rows: list[str] = []
    rows = 0
    with answer(lakehouse, asked.query, workspace=workspace, at_most_seconds=asked.at_most_seconds) as found:
        for batch in found.batches:
            rows += len(batch)
            first_rows += [_format_row(found.columns, row) for row in batch[: ROWS_SHOWN - len(first_rows)]]
    return QueryFinding(asked=asked, rows=rows, first_rows=tuple(first_rows))


def _format_row(columns: tuple[str, ...], row: tuple[Any, ...]) -> str:
    return cut(row_as_json(dict(zip(columns, row, strict=True))), ROW_CHARACTERS)


def _row(text: str) -> dict[str, Any]:
    """A row that was shown as JSON; one that was cut as its text."""
    try:
        row = json.loads(text)
    except ValueError:
        return {"row": text}
    return row if isinstance(row, dict) else {"row": text}


def _query_alert(file: Path, name: str, given: Any) -> QueryAlert:
    known = {field.name for field in fields(QueryAlert)} - {"name"}
    if not NAME.fullmatch(name) or not isinstance(given, dict) or not given.keys() <= known or "query" not in given:
        raise _refused(f"{file}: {name} = {given!r}")
    asked = QueryAlert(name=name, **given)
    texts = (asked.query, asked.severity, asked.do)
    is_text = all(isinstance(text, str) for text in texts)
    is_time = isinstance(asked.at_most_seconds, int | float) and 0 < asked.at_most_seconds <= MOST_SECONDS
    if not is_text or not is_time or asked.severity not in SEVERITIES:
        raise _refused(f"{file}: {name} = {given!r}")
    return asked


def _refused(found: str) -> SettingsError:
    do = f"correct the file, or unset {QUERY_ALERTS}"
    return SettingsError(f"the queries that {QUERY_ALERTS} names cannot be used", expected=EXPECTED, found=found, do=do)
