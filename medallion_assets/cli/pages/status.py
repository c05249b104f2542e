"""How the status looks in a terminal.

Belongs here: what stands above and below its sections.
Does not: the sections, or figures and verdicts.
"""

from __future__ import annotations

from collections import Counter

from rich.console import Group, RenderableType
from rich.text import Text

from medallion_assets.cli.pages.section import section_page
from medallion_assets.operations.sections import format_minute
from medallion_assets.operations.status import Status
from medallion_assets.operations.status_sections import status_sections


def status_page(status: Status) -> RenderableType:
    """What is wrong comes last, where a person looks first."""
    parts: list[RenderableType] = [
        Text(f"{status.lakehouse} at {format_minute(status.at)} UTC", style="bold"),
        *_identity(status),
        *_sources(status),
    ]
    parts += map(section_page, status_sections(status))
    parts += [Text(f"warning: {warning}", style="yellow") for warning in status.warnings]
    parts += [Text(f"problem: {problem}", style="bold red") for problem in status.problems]
    if not status.problems and status.never_made:
        parts.append(
            Text(f"no problems; never built or published: {', '.join(status.never_made)}", style="bold yellow")
        )
    elif not status.problems:
        parts.append(_all_well(status))
    return Group(*parts)


def _all_well(status: Status) -> Text:
    """That nothing is wrong; a table that does not say how far it reaches is not said to be fresh."""
    states = Counter(table.state for table in status.freshness)
    unknown, known = states["unknown"], states["fresh"]
    if not unknown:
        return Text("every table is fresh, and no stage's last attempt failed", style="bold green")
    which = "1 table's data reach" if unknown == 1 else f"the data of {unknown} tables reach"
    others = "every other table is fresh, and " if known else ""
    return Text(f"how far {which} is unknown; {others}no stage's last attempt failed", style="bold yellow")


def _identity(status: Status) -> list[Text]:
    if status.identity is None:
        return []
    samples = f", contains sample data ({status.identity.note})" if status.identity.is_sample else ""
    ends = {row.measured_at for row in status.freshness if row.measured_at is not None}
    measured = f"; freshness is measured against their end, {max(ends):%Y-%m-%d %H:%M} UTC" if ends else ""
    return [Text(f"lakehouse {status.identity.lakehouse_id}{samples}{measured}", style="dim")]


def _sources(status: Status) -> list[Text]:
    lines = []
    for source in status.sources:
        whose = f"{source.arn} (from {source.told_by})" if source.arn else "a DynamoDB table that is not known yet"
        accepted = f"; accepted: {', '.join(source.accepts)}" if source.accepts else ""
        lines.append(Text(f"{source.table} loads exports of {whose}{accepted}", style="dim"))
    return lines
