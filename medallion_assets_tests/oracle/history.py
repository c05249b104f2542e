"""Versions of a customer, and which one a transaction saw (rules H1, H2).

Belongs here: history and enrichment.
Does not: the events that versions are made of (refining/merging/merge.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby

from medallion_assets_tests.oracle.decode import Row
from medallion_assets_tests.oracle.model import MINUTE, ExportInput, from_micros
from medallion_assets_tests.oracle.state import Event, events

TWO_MINUTES = 2 * MINUTE // timedelta(microseconds=1)


def _began(run: Sequence[Event]) -> Event:
    """The event with which a run of equal states began: its first, with one exception (rule H1).

    A full export may have seen what was written until two minutes after its S. So when it is the first to tell a state,
    and a record of those two minutes tells it too, the state is as old as that record.
    """
    first = run[0]
    records = (event for event in run if not event.is_full and event.sequence - first.sequence <= TWO_MINUTES)
    return next(records, first) if first.is_full else first


def beginnings(winners: Sequence[Event]) -> Iterator[Event]:
    """Where each state of a customer began, ascending: equal neighbours are one, a deleted customer is a state too."""
    for _, run in groupby(winners, key=lambda event: event.row):
        yield _began(list(run))


def _versions(winners: Sequence[Event]) -> list[Row]:
    """The versions of one customer from its events, ascending (rule H1)."""
    versions: list[Row] = []
    for event in beginnings(winners):
        current = versions[-1] if versions and versions[-1]["is_current"] else None
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
