"""Messages: reports of a stage, and its failure, as Dagster Pipes carries them; and back.

Belongs here: both directions, so that what one side writes the other one reads.
Does not: where messages lie, or what becomes of reports (orchestration).

Checks and materializations are Pipes' own messages. What Pipes has none for is a custom message with one entry, named
by the kind of what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from dagster_pipes import PipesContext
from pydantic import TypeAdapter

from medallion_assets import errors
from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.operations.tables.expectation_results import ExpectationResult
from medallion_assets.stages.figures import Location, Rows
from medallion_assets.stages.reports import AttemptFigures, Check, Made, Report, RuleResults

RESULTS = TypeAdapter(tuple[ExpectationResult, ...])
FAILED, JUDGED, FOUND, PARTITIONS, ENDED = "failed", "judged", "found", "partitions", "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The last word of a remote process: how much memory it took; and what it failed with, if it did."""

    peak_memory_bytes: int
    failure: Exception | None = None


def send(pipes: PipesContext, report: Report) -> None:
    """Report to whoever watches."""
    match report:
        case Check():
            pipes.report_asset_check(
                check_name=report.name,
                passed=report.passed,
                severity="WARN" if report.is_warning else "ERROR",
                metadata=_encoded(report.figures),
                asset_key=_key(report.table),
            )
        case Made():
            pipes.report_custom_message({PARTITIONS: [str(day) for day in report.partitions]})
            pipes.report_asset_materialization(
                metadata=_encoded(report.figures), data_version=str(report.version), asset_key=_key(report.table)
            )
        case RuleResults():
            pipes.report_custom_message({JUDGED: RESULTS.dump_python(report.results, mode="json")})
        case AttemptFigures():
            pipes.report_custom_message({FOUND: dict(report.figures)})


def send_end(pipes: PipesContext, *, peak_memory_bytes: int, failure: BaseException | None) -> None:
    """The last word. An error keeps its parts; of any other the type and the text are sent."""
    said: dict[str, Any] = {"peak_memory_bytes": peak_memory_bytes}
    if failure is not None:
        said["failure"] = _failure(failure)
    pipes.report_custom_message({ENDED: said})


def received(messages: Iterator[Mapping[str, Any]]) -> Iterator[Report | Ended]:
    """The reports that messages stand for, in order; other messages say nothing to a stage."""
    partitions: tuple[date, ...] = ()
    for message in messages:
        said: Any = message["params"]
        match message["method"]:
            case "report_asset_check":
                yield Check(
                    table=_table(said["asset_key"]),
                    name=said["check_name"],
                    passed=said["passed"],
                    is_warning=said["severity"] == "WARN",
                    figures=_decoded(said["metadata"]),
                )
            case "report_asset_materialization":
                version = int(said["data_version"])
                table, figures = _table(said["asset_key"]), _decoded(said["metadata"])
                yield Made(table=table, version=version, figures=figures, partitions=partitions)
            case "report_custom_message":
                payload = said["payload"]
                if PARTITIONS in payload:
                    partitions = tuple(map(date.fromisoformat, payload[PARTITIONS]))
                elif JUDGED in payload:
                    yield RuleResults(results=RESULTS.validate_python(payload[JUDGED]))
                elif FOUND in payload:
                    yield AttemptFigures(figures=payload[FOUND])
                elif ENDED in payload:
                    yield _ended(payload[ENDED])


def _failure(error: BaseException) -> dict[str, Any]:
    said = {"type": type(error).__name__, "is_transient": isinstance(error, TransientError)}
    if isinstance(error, MedallionError):
        return {**said, "parts": error.parts, "export_id": error.export_id}
    return {**said, "text": str(error)}


def _ended(said: Mapping[str, Any]) -> Ended:
    failure = said.get("failure")
    return Ended(peak_memory_bytes=said["peak_memory_bytes"], failure=None if failure is None else _error(failure))


def _error(said: Mapping[str, Any]) -> Exception:
    """The error as it was raised there: with its parts, and of its type's name, by which people and alerts know it."""
    name = said["type"]
    if "parts" not in said:
        made: Exception = type(name, (Exception,), {})(said["text"])
        return made
    base = TransientError if said["is_transient"] else PermanentError
    known = getattr(errors, name, None)
    kind = known if isinstance(known, type) and issubclass(known, base) else type(name, (base,), {})
    error: Exception = kind(**said["parts"], export_id=said["export_id"])
    return error


def _key(table: str) -> str:
    return table.replace(".", "/")


def _table(key: str) -> str:
    return key.replace("/", ".")


def _encoded(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _metadata(value) for name, value in figures.items()}


def _metadata(value: Any) -> dict[str, Any]:
    match value:
        case Rows():
            columns = [{"name": name, "type": "string"} for name in value.names]
            return {"type": "table", "raw_value": {"records": [*map(dict, value.records)], "schema": columns}}
        case Location():
            return {"type": "path", "raw_value": value.url}
    return {"type": "__infer__", "raw_value": value}


def _decoded(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _value(said["type"], said["raw_value"]) for name, said in (metadata or {}).items()}


def _value(kind: str, raw: Any) -> Any:
    match kind:
        case "table":
            return Rows(tuple(raw["records"]))
        case "path":
            return Location(raw)
    return raw
