"""Findings: what `medallion verify` has to say, and in which words.

Belongs here: the finding, and the answer that holds them all.
Does not: looking for anything (the modules beside).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from medallion_assets.contracts.place import PlaceStatus
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import FROM_BACKUP
from medallion_assets.errors import OtherContractError, TableFeatureError
from medallion_assets.errors.reasons import REASON

MADE_ANEW = (
    "without one, if the table's sources are intact: move its folder out of the lakehouse and run its asset, "
    "which creates a new table in its place"
)
"""For a table whose log is lost: it cannot be rebuilt as itself, and those that are made from it notice its new id."""


def rebuild(table: Table) -> str:
    """What makes a table anew from what lies before it; from a backup what nothing makes, or no pipeline declares."""
    if not table.columns or (table.begins_empty and table.rebuilt_with is None):
        return FROM_BACKUP
    if table.rebuilt_with is None:
        return f'`medallion rebuild {table.name} --why "{REASON}"`; its rows are rebuilt from its sources'
    return f'`medallion rebuild {table.rebuilt_with} --why "{REASON}"`; it rebuilds {table.name} as well'


def rebuild_computed(table: Table) -> str:
    """What makes the rows of a pipeline's transform anew, where the transform itself may be at fault."""
    return f"{rebuild(table)}; if its compute is at fault, the rebuild says what to correct and changes nothing"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that must not be. `check` names the rule that was looked at; `file` is below the table's folder."""

    table: str
    check: str
    expected: str
    found: str
    do: str
    file: str | None = None


def of_features(table: Table, error: TableFeatureError) -> Finding:
    """About a table whose features are in the way."""
    expected, found, do = str(error.expected), str(error.found), str(error.do)
    return Finding(table=table.name, check="table_features", expected=expected, found=found, do=do)


def of_contract(table: Table, error: OtherContractError) -> Finding:
    """About a table that its contract does not fit: nothing in it is damaged, so nothing is to be removed."""
    expected, found = str(error.expected), f"{error.what}: {error.found}"
    return Finding(table=table.name, check="table_fits_contract", expected=expected, found=found, do=str(error.do))


def of_place(place: PlaceStatus) -> list[Finding]:
    """About a lakehouse in whose place no table of ours lies; none where it is fine."""
    found = Finding(table=place.what, check="place_is_ours", expected=place.expected, found=place.found, do=place.do)
    return [] if place.is_fine else [found]


@dataclass(frozen=True, kw_only=True)
class TableFacts:
    """One table: its latest version and live data files as its log has them; `version` is null when it is not made."""

    table: str
    version: int | None
    files: int = 0
    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Every table that was looked at, what is wrong, and what is worth knowing but not wrong."""

    tables: list[TableFacts] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
