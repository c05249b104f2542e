"""Diagnosis: why a run failed, from what it reported to Dagster.

Belongs here: finding the stages that failed, and putting together their errors, checks and the last good version.
Does not: which stages failed, or keeping what was found.

Nothing is read but the event log: a diagnosis costs little, and works when the lakehouse is what fails.

A cause is one incident, however many tables it keeps from being made: of a step that makes several, the one that the
step is called like has it; of what the run's own end cut off, the first stage, and it names the others.
"""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster import DagsterEventType as Kind

from medallion_assets.contracts.run_days import days_named
from medallion_assets.delta.shown_rows import SAMPLE_ROWS
from medallion_assets.errors.long_texts import cut, listed
from medallion_assets.operations.tables.incident import Incident
from medallion_assets.operations.tables.pipeline_runs import TIME_LIMIT
from medallion_assets.orchestration.run_records import readable_record
from medallion_assets.orchestration.runs.ends import kind_of_end, kind_of_interrupt
from medallion_assets.orchestration.runs.outcomes import error_parts, is_interrupt, stage_ends, step_error
from medallion_assets.orchestration.trigger_context import TAG_CHARACTERS, TRIGGER_TAG, TriggerContext, cause_of
from medallion_assets.triggers.run_if import EndStatus

ERROR_CHARACTERS = 4_000
VALUE_CHARACTERS = 500
"""Of a value in a check or a sample."""
RUN_FAILURES = {Kind.RUN_CANCELING, Kind.RUN_FAILURE}
OF_FAILURES = {Kind.STEP_FAILURE, Kind.ASSET_CHECK_EVALUATION, *RUN_FAILURES}
LOST_DO = (
    "its process ended without an error message. If it was killed for memory (`journalctl -k --grep 'out of memory'`; "
    "signal 9 or 6 in its log), give it more, or allow fewer runs at once (max_concurrent_runs in dagster.yaml). The "
    "next run redoes unfinished work"
)
"""What a person does about a run that could not speak for itself: nearly always memory, or a restart of the host."""
OUT_OF_TIME_DO = (
    "see in the run's log what took so long, or what it waited for; if it may take longer, raise the limits of its "
    "stages (time_limit_seconds), from which that of the run follows. Then run it again"
)
"""What a person does about a run that Dagster ended for its time limit."""
FRAMEWORK_DO = (
    "Dagster met it outside of the stages: correct what it names (a resource, a setting, the code that is loaded), and "
    "run it again; its stack trace is in the log of the run"
)
"""What a person does about an error that Dagster met outside of the stages."""


def diagnose(instance: dg.DagsterInstance, run: dg.DagsterRun, *, now: datetime) -> list[Incident]:
    """An incident for each cause by which stages failed in a run that has ended.

    It is of the run's job where no stage was planned.
    """
    entries = instance.all_logs(run.run_id, of_type=OF_FAILURES)
    events = [entry.dagster_event for entry in entries if entry.dagster_event is not None]
    failures = {event.step_key: event for event in events if event.event_type is Kind.STEP_FAILURE}
    ends = stage_ends(instance, run)
    failed = {asset: end.step for asset, end in ends.items() if end.status is EndStatus.FAILED}
    if not ends and run.status is dg.DagsterRunStatus.FAILURE:
        failed = {run.job_name: ""}
    cut_off = {step for step in failed.values() if step not in failures or is_interrupt(failures[step])}
    record = readable_record(instance, run.run_id, [])
    ended_at = record.end_time if record else None
    incidents = []
    for asset, others in _by_cause(failed, cut_off).items():
        step = failed[asset]
        failure = failures.get(step)
        if failure is None:
            parts = _run_error(events, kind_of_end(instance, run), is_lost=not failures)
        elif is_interrupt(failure):
            parts = _interruption(events, kind_of_interrupt(instance, run))
        else:
            parts = step_error(failure, events)
        if step in cut_off and others:
            parts["found"] = _not_made(others)
        checks = [check for check in _failed_checks(events) if check.asset_key.to_user_string() in (asset, *others)]
        version, made_at = _last_good(instance, asset)
        said: dict[str, Any] = {name: part and cut(part, ERROR_CHARACTERS) for name, part in parts.items()}
        incidents.append(
            Incident(
                run_id=run.run_id,
                job=run.job_name,
                stage=asset.replace("/", "."),
                partition=days_named(run.tags),
                trigger=run.tags.get(TRIGGER_TAG),
                cause=_cause(run, step),
                **(said | _findings(checks)),
                last_good_version=version,
                last_good_at=made_at,
                failed_at=now if ended_at is None else datetime.fromtimestamp(ended_at, UTC),
                raised_at=now,
            )
        )
    return incidents


def _by_cause(failed: Mapping[str, str], cut_off: Collection[str]) -> dict[str, list[str]]:
    """The assets that failed, one for each cause, with the others of it; `failed` has the step of each, in order."""
    causes: dict[str | None, list[str]] = {}
    for asset, step in failed.items():
        causes.setdefault(None if step in cut_off else step, []).append(asset)
    found = {}
    for assets in causes.values():
        called = {dg.AssetKey(asset.split("/")).to_python_identifier(): asset for asset in assets}
        first = called.get(failed[assets[0]], assets[0])
        found[first] = [asset for asset in assets if asset != first]
    return found


def _not_made(assets: Sequence[str]) -> str:
    return f"not made either: {listed([asset.replace('/', '.') for asset in assets])}"


def _cause(run: dg.DagsterRun, step: str) -> str | None:
    """What the stage's own config says that it was asked for: a run may be for several tables; else the run's tag."""
    config: Any = run.run_config
    try:
        own = TriggerContext(**config["ops"][step]["config"]["trigger"]).cause
    except (LookupError, TypeError, ValueError):  # a run config may be anything
        own = ""
    return cut(own, TAG_CHARACTERS) or cause_of(run.tags)


def _run_error(events: Sequence[dg.DagsterEvent], kind: str, *, is_lost: bool) -> dict[str, Any]:
    """What Dagster said of a run whose stage could not speak for itself; `is_lost` when none of its stages did.

    `kind` is that of its end.
    """
    ends = [event for event in events if event.event_type is Kind.RUN_FAILURE]
    errors = [error for event in ends if (error := getattr(event.event_specific_data, "error", None)) is not None]
    if errors and is_lost:
        return {**error_parts(errors[-1]), "do": FRAMEWORK_DO}
    messages = [event.message for event in ends if event.message]
    text = messages[-1] if messages else "the run was ended, and nothing says why"
    do = OUT_OF_TIME_DO if kind == TIME_LIMIT else LOST_DO if is_lost else None
    return {"error": text, "headline": text, "error_kind": kind, "do": do}


def _interruption(events: Sequence[dg.DagsterEvent], kind: str | None) -> dict[str, Any]:
    """Why a stage was told to end that was at work: the run's words, as its own say only that it was."""
    messages = [event.message for event in events if event.event_type in RUN_FAILURES and event.message]
    text = "; ".join(messages) or "it was interrupted, and nothing says why"
    return {"error": text, "headline": text, "error_kind": kind, "do": OUT_OF_TIME_DO if kind == TIME_LIMIT else None}


def _failed_checks(events: Sequence[dg.DagsterEvent]) -> Iterator[dg.AssetCheckEvaluation]:
    for event in events:
        if event.event_type is Kind.ASSET_CHECK_EVALUATION and not event.asset_check_evaluation_data.passed:
            yield event.asset_check_evaluation_data


def _findings(checks: Sequence[dg.AssetCheckEvaluation]) -> dict[str, Any]:
    """What the checks name of export, reasons and bad rows (the gate names all), and every check with its figures."""
    figures = {check.check_name: _plain(check.metadata) for check in checks}
    named = dict(ChainMap(*figures.values()))
    rows = [row for check in checks for row in _sample(check.metadata.get("sample"))][:SAMPLE_ROWS]
    listed = [
        {"check": check.check_name, "severity": check.severity.value, **figures[check.check_name]} for check in checks
    ]
    found = {
        "export_id": named.get("export_id"),
        "reasons": named.get("reasons"),
        "sample": json.dumps(rows, ensure_ascii=False) if rows else None,
        "failed_checks": json.dumps(listed, ensure_ascii=False) if listed else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _sample(shown: dg.MetadataValue[Any] | None) -> list[dict[str, Any]]:
    """The bad rows that a check shows; what a release before this one showed as text is one row of it."""
    if isinstance(shown, dg.TableMetadataValue):
        return [dict(record.data) for record in shown.records]
    return [] if shown is None else [{"rows": cut(str(shown.value), ERROR_CHARACTERS)}]


def _plain(metadata: Mapping[str, dg.MetadataValue[Any]]) -> dict[str, Any]:
    """The figures of a check as values that JSON can say; long text is cut, and its sample is none of them."""
    plain = {name: value.value for name, value in metadata.items() if name != "sample"}
    return {
        name: value if isinstance(value, (bool, int, float)) or value is None else cut(str(value), VALUE_CHARACTERS)
        for name, value in plain.items()
    }


def _last_good(instance: dg.DagsterInstance, asset: str) -> tuple[int | None, datetime | None]:
    """The table version that the stage's last materialization made, and when; a stage publishes only what is good."""
    entry = instance.get_latest_materialization_event(dg.AssetKey(asset.split("/")))
    if entry is None or entry.asset_materialization is None:
        return None, None
    version = entry.asset_materialization.metadata.get("table_version")
    number = version.value if isinstance(version, dg.IntMetadataValue) else None
    return number, datetime.fromtimestamp(entry.timestamp, UTC)
