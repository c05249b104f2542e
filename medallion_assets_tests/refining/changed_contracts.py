"""Contracts that change between exports, for tests about rows: days, ids, and refining without a gate.

Belongs here: what tests of redriving and of rebuilding have in common.
Does not: their contracts, or expectations of any kind (`redrives.py`, `rebuilds.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.model import ExportInput
from medallion_assets_tests.pipeline import NOW, land, refine_and_accept

AT = datetime(2025, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, SECOND, THIRD = "01746057600000-0000000a", "01746144000000-0000000b", "01746230400000-0000000c"
EURO = {"S": "EUR"}
LATER = NOW + DAY


def never_fails(table: Table) -> Loaded:
    """The table with a gate that everything passes: these tests are about rows, not exports."""
    return pipeline.declared(table, gate=GatePolicy(quality_min_bad_records=10**9))


def run(lakehouse: Lakehouse, table: Table, exports: Iterable[ExportInput], *, accepts: bool = False) -> None:
    for export in exports:
        land(lakehouse, export)
    if accepts:
        refine_and_accept(lakehouse, never_fails(table))
    assert refine(lakehouse, never_fails(table), now=NOW).failing is None
