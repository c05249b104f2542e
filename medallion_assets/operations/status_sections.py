"""The status as sections, which the terminal shows.

Belongs here: which facts of the status stand in which table, in which words, and which rows are set off.
Does not: the facts, or looks; the dashboard, which answers other questions: what needs a person, and how it went.
"""

from __future__ import annotations

from medallion_assets.operations.sections import Grid, Row, Section, format_age, format_count, format_minute
from medallion_assets.operations.status import StageStatus, Status
from medallion_assets.operations.tables.monitoring import Freshness

COUNTS = (
    "in: rows or records that a stage read; out: rows that it wrote or changed; quarantined: bad records, set aside "
    "with their reasons; all of 7 days"
)
"""What the last columns of the stages mean."""


def status_sections(status: Status) -> list[Section]:
    """The whole status: first what may ask for a person."""
    return [
        freshness_section(status),
        stages_section(status),
        progress_section(status),
        incidents_section(status),
        alerts_section(status),
    ]


def freshness_section(status: Status) -> Section:
    """How far behind the data of each table are, against their limit."""
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
        title="Freshness",
        nothing="No table exists yet: load something, or run `medallion demo`.",
        grid=Grid(
            ("table", "state", "behind", "limit", "covered until (UTC)", "last refreshed (UTC)", "rows"),
            rows,
            figures=frozenset({"behind", "limit", "rows"}),
        ),
    )


def _freshness(fresh: Freshness) -> str:
    if fresh.never:
        return f"{fresh.never}, stale" if fresh.is_stale else fresh.never
    return fresh.state


def stages_section(status: Status) -> Section:
    """The last attempt of each stage, and its last 7 days."""
    figures = ("succeeded", "median", "quality", "threshold", "longest", "in", "out", "quarantined")
    return Section(
        title="Stages",
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
        note=COUNTS,
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
    columns = (
        "stage",
        "last success (UTC)",
        "processed up to",
        "covered until (UTC)",
        "last day",
        "waiting",
        "version",
    )
    return Section(
        title="Progress",
        nothing="Nothing has been loaded yet.",
        grid=Grid(columns, rows, figures=frozenset({"waiting", "version"})),
    )


def incidents_section(status: Status) -> Section:
    """Stages that failed a run of the last 7 days, and the diagnosis."""
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
        for incident in status.incidents
    ]
    about = ("stage", "what is wrong", "found", "reasons", "what to do", "days", "batch", "run")
    columns = ("when (UTC)", "ended (UTC)", *about)
    return Section(
        title="Incidents",
        nothing="No incidents (the daemon records them).",
        grid=Grid(columns, rows),
    )


def alerts_section(status: Status) -> Section:
    """The alerts, the newest first."""
    rows = [
        Row((format_minute(alert["raised_at"]), *(alert[name] or "" for name in ("kind", "where", "what", "do"))))
        for alert in status.alerts
    ]
    return Section(
        title="Alerts",
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
