"""Versions of a customer, and which one a transaction saw (rules H1, H2).

Belongs here: history and enrichment.
Does not: the events that versions are made of (state.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from medallion_assets_tests.oracle.decode import Row
from medallion_assets_tests.oracle.model import ExportInput, from_micros
from medallion_assets_tests.oracle.state import Event, events


def _versions(winners: Sequence[Event]) -> list[Row]:
    """The versions of one customer from its events, ascending (rule H1)."""
    versions: list[Row] = []
    for event in winners:
        current = versions[-1] if versions and versions[-1]["is_current"] else None
        if event.row is not None and current is not None and event.row.items() <= current.items():
            continue
        if current is not None:
            current |= {
                "valid_to": from_micros(event.sequence),
                "is_current": False,
                "is_deleted": event.row is None,
            }
        if event.row is not None:
            versions.append(
                {
                    **event.row,
                    "valid_from": from_micros(event.sequence),
                    "valid_to": None,
                    "is_current": True,
                    "is_deleted": False,
                    "_sequence_micros": event.sequence,
                    "_export_id": event.export_id,
                }
            )
    return versions


def customers(applied: Sequence[ExportInput]) -> list[Row]:
    """`silver/customers`: every version, by key and valid_from (rule H1)."""
    return [version for _, winners in sorted(events(applied).items()) for version in _versions(winners)]


def enrich(transactions: Sequence[Row], versions: Sequence[Row]) -> list[Row]:
    """Live transactions with the segment and region of the customer as it was then (rule H2)."""
    by_customer: dict[str, list[Row]] = {}
    for version in versions:
        by_customer.setdefault(version["customer_id"], []).append(version)
    rows = []
    for transaction in transactions:
        if transaction["is_deleted"]:
            continue
        known = by_customer.get(transaction["customer_id"], [])
        before = [version for version in known if version["valid_from"] <= transaction["transaction_at"]]
        version = (before[-1:] or known[:1] or [{"customer_segment": "unknown", "region": "unknown"}])[0]
        business = {name: value for name, value in transaction.items() if name != "is_deleted" and name[0] != "_"}
        rows.append({**business, "customer_segment": version["customer_segment"], "region": version["region"]})
    return rows
