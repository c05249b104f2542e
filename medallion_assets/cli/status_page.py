"""How the status looks in a terminal.

Belongs here: layout and colour.
Does not: figures and verdicts (operations.status).
"""

from __future__ import annotations

from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from medallion_assets.operations.monitoring import Checkpoint, Freshness
from medallion_assets.operations.pipeline_runs import Outcome
from medallion_assets.operations.status import StageStatus, Status

OUTCOME_STYLES = {
    Outcome.SUCCEEDED: "green",
    Outcome.FAILED: "bold red",
    Outcome.CANCELED: "yellow",
    Outcome.LOST: "bold red",
}
RIGHT = {
    "rows",
    "limit h",
    "attempts",
    "seconds",
    "median",
    "longest",
    "in",
    "out",
    "quarantined",
    "waiting",
    "version",
}


def status_page(status: Status) -> RenderableType:
    """What is wrong comes last, where a person looks first."""
    parts: list[RenderableType] = [
        Text(f"{status.lakehouse} at {_minute(status.at)} UTC", style="bold"),
        *_identity(status),
        *_sources(status),
        _freshness(status.freshness, status.at),
        _checkpoints(status.checkpoints),
        _stages(status.stages),
    ]
    if status.alerts:
        parts.append(_alerts(status))
    if status.incidents:
        parts.append(_incidents(status))
    parts += [Text(f"warning: {one}", style="yellow") for one in status.warnings]
    parts += [Text(f"problem: {one}", style="bold red") for one in status.problems]
    if not status.problems:
        parts.append(Text("every table is fresh, and no stage failed last", style="bold green"))
    return Group(*parts)


def _identity(status: Status) -> list[Text]:
    if status.identity is None:
        return []
    samples = f", holds sample data ({status.identity.note})" if status.identity.is_sample else ""
    return [Text(f"lakehouse {status.identity.lakehouse_id}{samples}", style="dim")]


def _sources(status: Status) -> list[Text]:
    lines = []
    for one in status.sources:
        told = f"{one.arn}, as {one.told_by} says" if one.arn else "a DynamoDB table that nothing names yet"
        accepted = f"; accepts {', '.join(one.accepts)}" if one.accepts else ""
        lines.append(Text(f"{one.table} takes exports of {told}{accepted}", style="dim"))
    return lines


def _freshness(tables: list[Freshness], now: datetime) -> Grid:
    grid = _grid("How fresh", "table", "last refreshed", "age", "limit h", "rows", "verdict")
    for one in tables:
        verdict = Text("stale", style="bold red") if one.is_stale else Text("fresh", style="green")
        if not one.is_stale and (one.sla_hours is None or one.last_refreshed is None):
            verdict = Text("not yet" if one.last_refreshed is None else "", style="dim")
        grid.add_row(
            one.table,
            _minute(one.last_refreshed),
            "" if one.last_refreshed is None else _age((now - one.last_refreshed).total_seconds()),
            "" if one.sla_hours is None else f"{one.sla_hours:g}",
            _count(one.row_count),
            verdict,
        )
    return grid


def _checkpoints(checkpoints: list[Checkpoint]) -> Grid:
    grid = _grid("How far", "stage", "last success", "watermark", "covered until", "last day", "waiting", "version")
    for one in checkpoints:
        grid.add_row(
            one.stage,
            _minute(one.last_success),
            one.watermark or "",
            _minute(one.covered_until),
            "" if one.last_day is None else str(one.last_day),
            _count(one.waiting),
            _count(one.table_version),
        )
    return grid


def _stages(found: list[StageStatus]) -> Grid:
    columns = ("last attempt", "outcome", "seconds", "attempts", "median", "longest", "in", "out", "quarantined")
    grid = _grid("The last 7 days", "stage", *columns, "quality")
    for one in found:
        if one.last is None:
            grid.add_row(one.stage, "none")
            continue
        grid.add_row(
            one.stage,
            _minute(one.last.started_at),
            Text(one.last.outcome.value, style=OUTCOME_STYLES[one.last.outcome]),
            f"{one.last.duration_seconds:.1f}",
            f"{one.attempts:,}",
            _seconds(one.median_seconds),
            _seconds(one.longest_seconds),
            _count(one.records_in),
            _count(one.records_out),
            _count(one.records_quarantined),
            _quality(one),
        )
    return grid


def _alerts(status: Status) -> Grid:
    grid = _grid("The last alerts", "raised", "kind", "where", "what", "what to do")
    for one in status.alerts:
        grid.add_row(_minute(one["raised_at"]), one["kind"], Text(one["where"]), Text(one["what"]), Text(one["do"]))
    return grid


def _incidents(status: Status) -> Grid:
    grid = _grid("The last incidents", "failed", "stage", "day", "export", "what", "what to do")
    for one in status.incidents:
        place = (one["stage"], one["partition"] or "", one["export_id"] or "")
        grid.add_row(_minute(one["failed_at"]), *place, Text(one["headline"]), Text(one["do"] or ""))
    return grid


def _quality(one: StageStatus) -> Text:
    if one.quality_threshold is None:
        return Text("")
    if one.quality is None:
        return Text("nothing judged", style="dim")
    style = "bold red" if one.is_below_threshold else "green"
    return Text(f"{one.quality:.4f} of at least {one.quality_threshold}", style=style)


def _grid(title: str, *columns: str) -> Grid:
    grid = Grid(title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD)
    for name in columns:
        grid.add_column(name, justify="right" if name in RIGHT else "left", overflow="fold")
    return grid


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _age(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"
