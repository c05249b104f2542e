"""Charts: what every chart of the dashboard shares.

Belongs here: an empty figure, the palette, and texts that come from data: escaped, as Plotly reads some HTML in texts.
Does not: what a chart shows; colours of text and grid, which page.js takes from page.css, light or dark.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import plotly.graph_objects as go
import polars as pl

POINTS = 500
"""A chart shows so many of the newest attempts at most."""
HOURS_ARE_SHOWN = timedelta(days=4)
"""A span so short is labelled with times of day."""
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#8A8F98"
"""Okabe and Ito's palette, which people who see fewer colours can tell apart."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure with a title and a line that says the same in short."""

    title: str
    note: str
    figure: go.Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time that every chart shows, so that a pause can be seen."""

    since: datetime
    now: datetime


def figure_over(span: Span) -> go.Figure:
    """An empty figure whose x axis is the span, and a little more: what happened just now is not cut off."""
    margin = (span.now - span.since) / 40
    shown = [moment.isoformat() for moment in (span.since - margin, span.now + margin)]
    tickformat = "%d %b" if span.now - span.since > HOURS_ARE_SHOWN else "%H:%M\n%d %b"
    figure = plain_figure(height=190)
    figure.update_xaxes(type="date", range=shown, tickformat=tickformat, nticks=6)
    return figure


def plain_figure(*, height: int) -> go.Figure:
    """An empty figure."""
    return go.Figure(
        layout={
            "template": go.layout.Template(),  # Plotly's own would weigh more than the data
            "height": height,
            "margin": {"l": 52, "r": 12, "t": 12, "b": 36},
            "showlegend": False,
            "hovermode": "closest",
        }
    )


def add_points(
    figure: go.Figure, x: pl.Series, y: pl.Series, *, name: str, colour: str, symbol: str = "circle", hover: list[str]
) -> None:
    """Points on a figure, each with its text."""
    figure.add_scatter(
        x=x.to_list(),
        y=y.to_list(),
        mode="markers",
        name=name,
        marker={"color": colour, "symbol": symbol, "size": 8},
        hovertext=hover,
        hoverinfo="text",
    )


def hover_text(parts: Sequence[str]) -> str:
    """Lines to show at a point; empty ones are left out."""
    return "<br>".join(html.escape(part) for part in parts if part)
