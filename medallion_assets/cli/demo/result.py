"""The result of a demo: what it found, with a line for each table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TableSummary:
    """A line of the demo's last table. `engine` is what its last commit says of itself."""

    name: str
    rows: int
    version: int
    engine: str
    quality: float | None
    quarantined: int | None


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo found, for `--json` and for tests."""

    tables: list[TableSummary]
    sales: list[dict[str, object]]
    published_days: list[str]
    bad_export: str
    gate_message: str
    readable_unchanged: bool
    seconds: float
    home: str
