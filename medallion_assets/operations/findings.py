"""Findings: what `medallion verify` has to say, and in which words.

Belongs here: the finding, and the answer that holds them all.
Does not: looking for anything (operations.verify_*).
"""

from __future__ import annotations

from dataclasses import dataclass, field

AGAIN_FROM_BRONZE = (
    "move the folders of this table (with <table>_events, where there is one) and of silver/enriched_transactions out "
    "of the lakehouse and run their assets: they are made again from Bronze, with the decisions that people made"
)
AGAIN_FROM_SILVER = "move the table's folder out of the lakehouse and run its asset: it is made again from Silver"
AGAIN_FROM_EXPORTS = (
    "move the folders of this table and of everything in silver/ out of the lakehouse and run the assets: Bronze is "
    "loaded again from the exports, and Silver made again from Bronze"
)
FROM_BACKUP = "take it from a backup: nothing else holds what was in it"


def rebuild(table_name: str) -> str:
    """What makes a table anew from what lies before it."""
    layer, _, name = table_name.partition(".")
    match layer:
        case "bronze":
            return AGAIN_FROM_EXPORTS
        case "silver":
            return AGAIN_FROM_SILVER if name == "enriched_transactions" else AGAIN_FROM_BRONZE
        case "gold":
            return AGAIN_FROM_SILVER
        case _:
            return FROM_BACKUP


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that must not be. `check` names the rule that was looked at; `file` is below the table's folder."""

    table: str
    check: str
    expected: str
    found: str
    do: str
    file: str | None = None


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
