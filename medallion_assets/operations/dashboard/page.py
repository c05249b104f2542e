"""The dashboard's page: facts as one HTML document.

Belongs here: handing the template what it shows, as text where it is a figure.
Does not: what follows from the facts, or where the page is written.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.operations.dashboard.answers import answers_of
from medallion_assets.operations.dashboard.facts import DAYS, DashboardFacts
from medallion_assets.operations.dashboard.needs import Need, needs_of
from medallion_assets.operations.dashboard.pictures import groups_of
from medallion_assets.operations.dashboard.tables import TableLine, table_states
from medallion_assets.operations.drawing.page import render_page
from medallion_assets.operations.sections import format_age, format_count, format_minute
from medallion_assets.settings.hints import typed, typed_in

TITLE = "Pipeline status"
MOST_NEEDS = 20


def render(facts: DashboardFacts, *, ui_url: str, command_prefix: str = "") -> str:
    """The whole page; runs are linked where the Dagster UI is, and commands begin with a deployment's prefix."""
    needs = needs_of(facts)
    return render_page(
        "dashboard/page.html",
        title=TITLE,
        now=facts.now,
        business_now=facts.now.astimezone(ZoneInfo(BUSINESS_TIME_ZONE)),
        place=facts.status.lakehouse,
        days=DAYS,
        has_business=bool(facts.catalog.pictures),
        answers=answers_of(facts),
        needs=[_entry(need, ui_url, command_prefix) for need in needs[:MOST_NEEDS]],
        left_out=max(len(needs) - MOST_NEEDS, 0),
        names_them=typed("medallion status", prefix=command_prefix),
        tables=[_line(state) for state in table_states(facts, needs[:MOST_NEEDS])],
        groups=groups_of(facts),
    )


def run_url(ui_url: str, run_id: str) -> str:
    """Where the Dagster UI shows a run, whatever its id holds."""
    return f"{ui_url}/runs/{quote(run_id, safe='')}"


def _entry(need: Need, ui_url: str, command_prefix: str) -> dict[str, Any]:
    said = {"what": need.what, "found": need.found, "do": need.do}
    texts = {name: text and typed_in(text, prefix=command_prefix) for name, text in said.items()}
    return {
        **asdict(need),
        **texts,
        "command": need.command and typed(need.command, prefix=command_prefix),
        "run": need.run_id and run_url(ui_url, need.run_id),
    }


def _line(state: TableLine) -> dict[str, Any]:
    limit = "" if state.limit_hours is None else f" of {state.limit_hours:g} h"
    behind = "" if state.behind is None else f"{format_age(state.behind)}{limit}"
    return {
        **asdict(state),
        "reach": format_minute(state.covered_until) or ("not declared" if state.state == "unknown" else ""),
        "behind": behind,
        "age": "never" if state.age is None else f"{format_age(state.age)} ago",
        "quality": "" if state.quality is None else f"{state.quality:.2%}",
        "rows": format_count(state.row_count),
    }
