"""Fingerprints: the name of the rules that made a table's rows, so that a changed contract is noticed (rule C6).

Belongs here: what of a contract and its source decides which rows there are, and the note of it in a table's log.
Does not: judging, or making a table again.

Every commit that brings judged rows into a table or its quarantine notes the fingerprints of all rules that its rows
were judged by since it was made or rebuilt. So the last such commit tells for the whole table.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from medallion_assets.contracts.expectations import Action
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.commit_notes import commit_note, last_commit
from medallion_assets.delta.schema import rebuild_command
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors import PermanentError

RULES_NOTE = "medallion_rules"
"""The commit note that lists the fingerprints of the rules that the table's rows were judged by."""
KEY_NOTE = "medallion_key"
"""The commit note that names the columns of the key that the table's rows are told apart by."""
UNKNOWN_RULES = "unknown"
"""Stands for the rules of a release that noted none."""
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def fingerprint(loaded: Loaded) -> str:
    """Names the rules that decide the rows of a loaded table and of its quarantine.

    Another name when a column, its source or type, the key, the partition or an expectation that drops or fails
    changes, or the rules of write times (R1): how records are ordered, and which cannot be. Descriptions, warnings and
    the gate decide no row.
    """
    table, source = loaded.table, loaded.source
    columns = sorted(repr(replace(column, description="")) for column in table.columns)
    expectations = [
        f"{rule.name} {rule.action} {rule.column} {ADDRESS.sub('', repr(rule.condition))}"
        for rule in table.expectations
        if rule.action is not Action.WARN
    ]
    shape = f"{table.key} {table.partition_by} {table.history}"
    write_times = f"within {float(source.write_time_slack_hours)} hours of the window"
    sequence = f"full-export-minus-{source.uncertainty // timedelta(seconds=1)}s"
    rules = [*columns, *stand_ins(table), *expectations, shape, sequence, write_times, *source.rules]
    return hashlib.sha256("\n".join(rules).encode()).hexdigest()[:12]


def stand_ins(table: Table) -> list[str]:
    """The texts that stand in for missing ones (T3), one for each column that has one: no rule of those without."""
    return sorted(f"{column.name} or {column.missing!r}" for column in table.columns if column.missing is not None)


def rules_of_rows(snapshot: Snapshot) -> list[str]:
    """The fingerprints of the rules that the rows of a table were judged by; empty while it has none."""
    commit = last_commit(snapshot, RULES_NOTE)
    if commit is not None:
        return [str(rules) for rules in commit_note(commit, RULES_NOTE)]
    return [UNKNOWN_RULES] if snapshot.files.height else []


def expect_same_key(snapshot: Snapshot) -> None:
    """Refuse to bring rows of another key into a table.

    Raises:
        PermanentError: the contract's key has changed since the last commit.
    """
    table, commit = snapshot.table, last_commit(snapshot, KEY_NOTE)
    held = list(table.key) if commit is None else commit_note(commit, KEY_NOTE)
    if held != list(table.key) and snapshot.files.height:
        raise PermanentError(
            f"the rows of {table.name} have another key than its contract says",
            expected=", ".join(table.key),
            found=", ".join(held),
            do=rebuild_command(table),
        )


def contract_notes(snapshot: Snapshot, rules: Iterable[str]) -> dict[str, object]:
    """The commit notes of a judged table whose next version brings rows judged by `rules`."""
    return {RULES_NOTE: rules_with(snapshot, rules), KEY_NOTE: list(snapshot.table.key)}


def rules_with(snapshot: Snapshot, more: Iterable[str]) -> list[str]:
    """The note for a commit on `snapshot` that brings rows judged by `more`."""
    return sorted({*rules_of_rows(snapshot), *more})
