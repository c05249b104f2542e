"""Exports an hour apart for Silver's gate to judge, and a person who decides about them.

Belongs here: writing such exports, and running Silver with a decision.
Does not: expectations of any kind.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import Graph, Run
from medallion_assets_tests.oracle import lines
from medallion_assets_tests.oracle.model import ExportInput, micros

TRANSACTIONS = "silver/customer_transactions"
GATE = (TRANSACTIONS, "quality_threshold")
START = datetime(2025, 3, 8, tzinfo=UTC)
BAD = "not json"


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def export_id(number: int) -> str:
    """Exports begin an hour apart, in the order of their numbers."""
    return f"0{micros(at(number)) // 1000}-{number:08x}"


def base(*, table: str = "customer_transactions", taken: float = 1 / 60) -> ExportInput:
    """A full export that is sure of everything until the first window begins, or taken at another hour."""
    return lines.full(table, export_id(0), at(taken), [lines.item_line(lines.transaction("t0"))])


def window(number: int, *more: str, missing_hours: int = 0, **attributes: Any) -> ExportInput:
    """The hour before `number`, with one good transaction and some more lines."""
    good = lines.upsert_line(micros(at(number - 0.5)), lines.transaction(f"t{number}", **attributes))
    return lines.window(
        "customer_transactions", export_id(number), at(number - 1 + missing_hours), at(number), [good, *more]
    )


def land(graph: Graph, *exports: ExportInput) -> None:
    for export in exports:
        pipeline.land(graph.lakehouse, export)


def land_bad_second_window(graph: Graph) -> str:
    """A full export, a good window, a bad one, a good one; the bad one's id."""
    land(graph, base(), window(1), window(2, *[BAD] * 10), window(3))
    return export_id(2)


def decide(graph: Graph, action: str, subject: str, *, reason: str = "looked at it", **options: Any) -> Run:
    config = {TRANSACTIONS: {action: [{"export_id": subject, "reason": reason}]}}
    return graph.run(TRANSACTIONS, config=config, **options)


def keys(graph: Graph) -> list[str]:
    return [row["transaction_id"] for row in pipeline.rows(graph.lakehouse, CUSTOMER_TRANSACTIONS)]
