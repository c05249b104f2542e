"""The page: sections as one HTML document that needs nothing but a browser.

Belongs here: putting template, styles, scripts and figures together, and what the browser may do with them.
Does not: what the page says, or where it is written.

Every text is escaped by Jinja. Should one slip through, it does nothing: the page's policy lets its own scripts run,
which it knows by their hashes, and forbids all else and every request.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FunctionLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.operations.dashboard.contents import sections_of, tiles_of
from medallion_assets.operations.dashboard.facts import DAYS, Facts
from medallion_assets.operations.sections import Section

TITLE = "Medallion: how the pipeline is doing"


def render(facts: Facts) -> str:
    """The whole page."""
    sections = sections_of(facts)
    plotly, script = get_plotlyjs(), _part("page.js")
    environment = Environment(
        loader=FunctionLoader(_part), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("page.html").render(
        title=TITLE,
        status=facts.status,
        now=facts.now,
        business_now=facts.now.astimezone(ZoneInfo(BUSINESS_TIME_ZONE)),
        days=DAYS,
        tiles=tiles_of(facts),
        sections=sections,
        charts=_charts(sections),
        policy=_policy(plotly, script),
        css=_part("page.css"),
        plotly=plotly,
        script=script,
    )


def _charts(sections: list[Section]) -> dict[str, Any]:
    """Every figure by the id of its place in the page."""
    return {
        f"{section.name}-{number}": json.loads(chart.figure.to_json())
        for section in sections
        for number, chart in enumerate(section.charts, start=1)
    }


def _policy(*scripts: str) -> str:
    """What the browser may do: run these scripts, draw, and nothing else."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
