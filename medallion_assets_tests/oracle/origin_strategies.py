"""Histories in which a table is dropped and made anew, and exports of strangers lie among those of the table.

Belongs here: of which table each export is, and when it arrives.
Does not: the exports of one table (strategies.py), or what may be loaded (origin.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import strategies as st

from medallion_assets_tests.oracle.model import TABLES, Decision
from medallion_assets_tests.oracle.origin import Delivery
from medallion_assets_tests.oracle.strategies import answers, arrivals, table_histories

HOME, STRANGE = ("444455556666", "us-west-2"), ("444455556666", "eu-west-1")
"""Account and region of the table, and of a table of the same name elsewhere."""
OLD, NEW = "table-one", "table-two"
_NEVER_EQUAL = timedelta(seconds=7)
"""So far the new table's moments are from the old one's: whether a record at S itself counts is nothing to ask here."""


def arn(table: str, account: str, region: str) -> str:
    """A table's ARN."""
    return f"arn:aws:dynamodb:{region}:{account}:table/{table}"


@dataclass(frozen=True)
class Succession:
    """Deliveries in the batches in which they arrive, the first one of the old table; what a person says of exports."""

    table: str
    batches: tuple[tuple[Delivery, ...], ...]
    decisions: tuple[Decision, ...]


@st.composite
def successions(draw: st.DrawFn) -> Succession:
    """Exports of a table and of its successor in any order, now and then one of a stranger, under either id."""
    table = draw(st.sampled_from(TABLES))
    old = draw(table_histories(table=table, count=draw(st.integers(2, 4))))
    new = draw(table_histories(table=table, count=draw(st.integers(1, 4)), number=5, later=_NEVER_EQUAL))
    home = arn(table, *HOME)
    ours = [*(Delivery(export, home, OLD) for export in old), *(Delivery(export, home, NEW) for export in new)]
    strange = []
    if draw(st.booleans()):
        (export,) = draw(table_histories(table=table, count=1, allow_gaps=False, number=10))
        strange.append(Delivery(export, arn(table, *STRANGE), draw(st.sampled_from([OLD, NEW]))))
    first, *rest = ours
    batches = ((first,), *draw(arrivals([*rest, *strange])))
    return Succession(table, batches, draw(answers([*old, *new])))


def renamed(delivery: Delivery, export_id: str, file_names: tuple[str, ...]) -> Delivery:
    """The same under the names that it got when it was written."""
    return replace(delivery, export=replace(delivery.export, export_id=export_id, file_names=file_names))
