"""Columns that no record fills: what the contract means is named, and a column that is only rare is not."""

from __future__ import annotations

from collections import Counter

import pytest

from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.refining.judging.gate import Counts
from medallion_assets.refining.judging.unfilled_columns import misnamed_columns

NESTED = "assignee exists as an attribute, but values nested in a map cannot be read; leave who out"


def tickets(source: str, *left_out: str) -> Table:
    key = Column("id", Text(trim=False), "", source="id")
    who = Column("who", Text(), "", source=source, nullable=True)
    return Table(
        name="silver.tickets", description="", key=("id",), history=True, columns=(key, who), left_out=left_out
    )


def counts(*unknown: str, upserts: int = 3, **filled: int) -> Counts:
    return Counts(
        export_id="",
        records=upserts,
        upserts=upserts,
        unknown_attributes=Counter(dict.fromkeys(unknown, upserts)),
        filled=Counter({"id": upserts, **filled}),
    )


@pytest.mark.parametrize(
    ("table", "counted", "expected"),
    [
        (tickets("assignee.name"), counts("assignee"), {"who": NESTED}),
        (tickets("assignee.name", "assignee"), counts(), {"who": NESTED}),
        (tickets("owner"), counts("ownr", "colour"), {"who": "did you mean ownr?"}),
        (tickets("owner"), counts("colour"), {}),
        (tickets("owner", "ownr"), counts(), {}),
        (tickets("owner"), counts("ownr", who=1), {}),
        (tickets("owner"), counts("ownr", upserts=2), {}),
    ],
    ids=["nested", "nested, left out", "misspelt", "rare", "left out", "filled", "too few to tell"],
)
def test_what_the_contract_means_is_named(table: Table, counted: Counts, expected: dict[str, str]) -> None:
    assert misnamed_columns(table, counted) == expected
