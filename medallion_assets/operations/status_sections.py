"""The status as sections, which the terminal shows.

Belongs here: which facts of the status stand in which table, in which words, and which rows are set off.
Does not: the facts, what the dashboard alone shows, or looks.
"""

from __future__ import annotations

from collections.abc import Iterable

from medallion_assets.operations.sections import Grid, Row, Section, format_age, format_count, format_minute
from medallion_assets.operations.status import StageStatus, Status
from medallion_assets.operations.tables.incident import Incident
from medallion_assets.operations.tables.monitoring import Freshness

COUNTS = (
    "in: rows or records that a stage read; out: rows that it wrote or changed; quarantined: bad records, set aside "
    "with their reasons; all of 7 days"
)
"""What the last columns of the stages mean."""


def status_sections(status: Status, incidents: Iterable[Incident], *, newest: str) -> list[Section]:
    """The whole status: first what may ask for a person. `newest` says which `incidents` these are."""
    return [
        freshness_section(status),
        stages_section(status),
        progress_section(status),
        incidents_section(incidents, newest=newest),
        alerts_section(status),
    ]


def freshness_section(status: Status) -> Section:
    """How far behind the data of each table are, against their limit."""
    ends = [fresh.measured_at for fresh in status.freshness if fresh.measured_at is not None]
    sample = f" Sample data are measured against their own end, {format_minute(max(ends))}." if ends else ""
    rows = [
        Row(
            (
                fresh.table,
                _freshness(fresh),
                "" if (behind := fresh.behind(status.at)) is None else format_age(behind),
                "" if fresh.sla_hours is None else f"{fresh.sla_hours:g} h",
                format_minute(fresh.covered_until),
                format_minute(fresh.last_refreshed),
                format_count(fresh.row_count),
            ),
            is_bad=fresh.is_stale,
        )
        for fresh in status.freshness
        if fresh.last_refreshed is not None or fresh.is_stale or fresh.table in status.never_made
    ]
    return Section(
        name="freshness",
        title="Freshness",
        lead="How far each table's data reach, and how far behind they may be. Unknown: the source does not declare "
        f"it.{sample}",
        nothing="No table exists yet: load an export, or run `medallion demo`.",
        grid=Grid(
            ("table", "state", "behind", "limit", "covered until (UTC)", "last refreshed (UTC)", "rows"),
            rows,
            figures=frozenset({"behind", "limit", "rows"}),
        ),
    )


def _freshness(fresh: Freshness) -> str:
    if fresh.last_refreshed is None:
        never = "never published" if fresh.table.startswith("serving.") else "never made"
        return f"{never}, stale" if fresh.is_stale else never
    return fresh.state


def stages_section(status: Status) -> Section:
    """The last attempt of each stage, and its last 7 days."""
    figures = ("succeeded", "median", "quality", "threshold", "longest", "in", "out", "quarantined")
    return Section(
        name="stages",
        title="Stages",
        lead="What each stage did in the last 7 days.",
        nothing="No stage has run yet.",
        grid=Grid(
            ("stage", "last attempt", "at (UTC)", *figures),
            [
                Row((stage.stage, *_attempts(stage)), is_bad=stage.is_broken or stage.is_below_threshold)
                for stage in status.stages
                if stage.last is not None
            ],
            figures=frozenset(figures),
        ),
    )


def progress_section(status: Status) -> Section:
    """How far each stage has come."""
    rows = [
        Row(
            (
                checkpoint.stage,
                format_minute(checkpoint.last_success),
                checkpoint.watermark or "",
                format_minute(checkpoint.covered_until),
                "" if checkpoint.last_day is None else str(checkpoint.last_day),
                format_count(checkpoint.waiting),
                format_count(checkpoint.table_version),
            )
        )
        for checkpoint in status.checkpoints
        if checkpoint.last_success is not None or checkpoint.watermark is not None
    ]
    columns = ("stage", "last success (UTC)", "has come to", "covered until (UTC)", "last day", "waiting", "version")
    return Section(
        name="progress",
        title="Progress",
        lead="Each stage's progress. Waiting: exports or versions that are not loaded yet.",
        nothing="Nothing has been loaded yet.",
        grid=Grid(columns, rows, figures=frozenset({"waiting", "version"})),
    )


def incidents_section(incidents: Iterable[Incident], *, newest: str) -> Section:
    """Stages that failed a run, in the order given."""
    rows = [
        Row(
            (
                format_minute(incident.failed_at),
                "open" if incident.ended_at is None else format_minute(incident.ended_at),
                incident.stage,
                incident.headline,
                incident.found or "",
                incident.reasons or "",
                incident.do or "",
                incident.partition or "",
                incident.export_id or "",
                f"{incident.run_id} ({incident.job})",
            )
        )
        for incident in incidents
    ]
    about = ("stage", "what is wrong", "found", "reasons", "what to do", "days", "export", "run")
    columns = ("when (UTC)", "ended (UTC)", *about)
    return Section(
        name="incidents",
        title="Incidents",
        lead=f"Stages that failed, and the diagnosis; {newest}.",
        nothing="No incidents.",
        grid=Grid(columns, rows),
    )


def alerts_section(status: Status) -> Section:
    """The alerts, the newest first."""
    rows = [
        Row((format_minute(alert["raised_at"]), *(alert[name] or "" for name in ("kind", "where", "what", "do"))))
        for alert in status.alerts
    ]
    return Section(
        name="alerts",
        title="Alerts",
        lead="Alerts of the last 7 days, newest first.",
        nothing="No alerts.",
        grid=Grid(("when (UTC)", "kind", "where", "what", "what to do"), rows),
    )


def _attempts(stage: StageStatus) -> tuple[str, ...]:
    last = stage.last
    return (
        "" if last is None else last.outcome.value,
        "" if last is None else format_minute(last.started_at),
        f"{stage.succeeded:,} of {stage.attempts:,}",
        "" if stage.median_seconds is None else f"{stage.median_seconds:,.1f} s",
        "" if stage.quality is None else f"{stage.quality:.2%}",
        "" if stage.quality_threshold is None else f"{stage.quality_threshold:.2%}",
        "" if stage.longest_seconds is None else f"{stage.longest_seconds:,.1f} s",
        format_count(stage.records_in),
        format_count(stage.records_out),
        format_count(stage.records_quarantined),
    )
