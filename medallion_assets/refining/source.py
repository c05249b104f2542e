"""The source of a Bronze table: which DynamoDB table's exports it takes, and what happens when that changes (rule B3).

Belongs here: the table's ARN, by its contract or by what was loaded first, and its `tableId`.
Does not: loading (refining.load), or asking for a decision (orchestration.assets.bronze).

A table is its ARN and its `tableId`. The ARN of the first export that was loaded stands in a note of every commit that
loads one. Bronze tables of earlier releases lack it: it is read from the manifests of exports that are in, once. Where
these are gone, an export under a `tableId` that is in tells it, and the note says that this was presumed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from obstore.store import ObjectStore

from medallion_assets.contracts.full_export_time import decides_at
from medallion_assets.contracts.table import Table
from medallion_assets.delta.commit_notes import commit_note
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.refining.bronze import FULL, RawExport, exports_of_tables, last_load, latest_export
from medallion_assets.refining.decisions import Action, Decision
from medallion_assets.refining.origins import begins_after, numbers_of
from medallion_assets.sources.dynamodb_export.read import Export, FoundExport, read_export
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, Verdict

SOURCE_ARN_NOTE = "medallion_source_arn"
"""The commit note with the ARN of the DynamoDB table whose export was loaded first."""
SOURCE_PRESUMED_NOTE = "medallion_source_presumed_from"
"""Beside it: the export that told the ARN, where nothing but an equal `tableId` said that it is the table's own."""
TABLE_RECREATED = "table_recreated"
"""The DynamoDB table was dropped and made anew: loading stops until a person confirms it."""
FULL_EXPORT_MISSING = "full_export_missing"
"""A person confirmed the new table, and this export of it waits for the full one that begins its chain."""
FORMER_TABLE = "former_table"
"""An export is in, but of a table that another one followed, and taken after that: it is told once."""
LOOKED_AT_AGAIN = (TABLE_RECREATED, FULL_EXPORT_MISSING)
"""What a decision or another export mends, while the export's own files stay as they are."""


class TableRecreatedError(PermanentError):
    """An export of a table that was made anew cannot be loaded yet; `verdict` is one of the two above."""

    def __init__(self, verdict: str, what: str, **parts: Any) -> None:
        super().__init__(what, **parts)
        self.verdict = verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is known of the DynamoDB table that exports come from; `arn` is None before anything says it.

    `accepts` are other ARNs, whose exports are taken on purpose. `by_contract`: whoever wrote the contract named `arn`.
    `presumed_from`: nothing but the `tableId` of that export said that its ARN is the table's own.
    """

    arn: str | None = None
    accepts: tuple[str, ...] = ()
    by_contract: bool = False
    presumed_from: str | None = None

    @classmethod
    def of(cls, contract: Table) -> Self:
        """What the Silver contract says."""
        return cls(arn=contract.source_arn, accepts=contract.accepts, by_contract=contract.source_arn is not None)

    def known_from(self, bronze: Snapshot | None) -> Source:
        """With what Bronze recorded, where the contract names no ARN."""
        if self.arn is not None or bronze is None:
            return self
        commit = last_load(bronze, SOURCE_ARN_NOTE) or {}
        arn, presumed_from = (commit_note(commit, name) for name in (SOURCE_ARN_NOTE, SOURCE_PRESUMED_NOTE))
        return Source(arn=arn, accepts=self.accepts, presumed_from=presumed_from)

    @property
    def contract_text(self) -> str:
        """What the contract says, as a text that changes with it; empty when it says nothing."""
        named = [f"source_arn={self.arn}"] if self.by_contract else []
        return " ".join([*named, *(f"accepts={arn}" for arn in sorted(self.accepts))])

    def told_by(self, export: Export, *, has_rows: bool) -> Source:
        """With the ARN of an export that is loaded now, where nothing says one; never one of `accepts`."""
        if self.arn is not None or export.table_arn in self.accepts:
            return self
        return replace(self, arn=export.table_arn, presumed_from=export.export_id if has_rows else None)

    @property
    def notes(self) -> dict[str, object]:
        """What the commit of an export says of the source."""
        notes = {SOURCE_ARN_NOTE: self.arn, SOURCE_PRESUMED_NOTE: self.presumed_from}
        return {name: value for name, value in notes.items() if value is not None}


def arn_of_what_is_in(
    store: ObjectStore, found: Iterable[FoundExport], bronze: Snapshot, accepts: Collection[str] = ()
) -> str | None:
    """For a table of an earlier release: the ARN in the manifests of an export that is in and still lies there."""
    latest = latest_export(bronze)
    for one in found:
        try:
            export = read_export(store, one)
        except ExportRefusedError:
            continue
        if export.table_arn not in accepts and (latest is None or latest.table_id in (None, export.table_id)):
            return export.table_arn
    return None


def expect_source(export: Export, source: Source, table_name: str) -> None:
    """Refuse an export of another table; before an ARN is known, of a table of another name.

    Raises:
        ExportRefusedError: WRONG_TABLE, which is final until the contract changes.
    """
    if source.arn is None and export.table_name == table_name:
        return
    if export.table_arn in (source.arn, *source.accepts):
        return
    expected = source.arn or f"a DynamoDB table named {table_name}"
    differs = ", ".join(_differences(source.arn, export.table_arn)) if source.arn else "name"
    raise ExportRefusedError(
        Verdict.WRONG_TABLE,
        export_id=export.export_id,
        table=export.table_name,
        expected=expected if not source.accepts else f"{expected}, or one of {', '.join(source.accepts)}",
        found=f"tableArn {export.table_arn} (another {differs})",
        do="move this export away from here, to a folder of its own table. Only if the table was moved or restored "
        f"on purpose: list that ARN in `accepts` of the contract of silver.{table_name}"
        + ("" if source.by_contract else f", or name the right one there as `source_arn` if {source.arn} is wrong"),
    )


def expect_same_table(bronze: Snapshot, export: Export, source: Source, decisions: Mapping[str, Decision]) -> None:
    """Refuse an export under another `tableId`, until a person confirms it; the new chain begins with a full export.

    A late export of a table that was loaded from before is older than the new table, and its records lose to that.

    Raises:
        TableRecreatedError: the table was dropped and made anew, restored, or moved.
    """
    latest = latest_export(bronze)
    if latest is None or latest.table_id in (None, export.table_id):
        return
    if export.table_id in {loaded.table_id for loaded in exports_of_tables(bronze)}:
        return
    table_name = bronze.table.short_name
    decision = decisions.get(export.table_id)
    is_named = source.arn is not None or export.table_arn in source.accepts
    # A confirmation says that a table was made anew; it does not say that a stranger is ours.
    confirmed = is_named and decision is not None and decision.action is Action.CONFIRM_TABLE
    if confirmed and export.export_type.value == FULL:
        return
    if confirmed:
        do = "make a full export of the new table; its incremental exports follow that"
    elif not is_named:
        do = (
            f"nothing tells whose table was loaded before: if {export.table_arn} is yours, name it as `source_arn` in "
            f"the contract of silver.{table_name}, then run bronze/{table_name}; if it is not, move the export away"
        )
    else:
        do = f"if that was meant, run bronze/{table_name} with confirm_table_id: {export.table_id}"
    raise TableRecreatedError(
        FULL_EXPORT_MISSING if confirmed else TABLE_RECREATED,
        f"{bronze.table.name}: export {export.export_id} is of a table {export.table_name} that was dropped and made "
        f"anew, restored, or moved",
        expected=f"tableId {latest.table_id}, as in export {latest.export_id}",
        found=f"tableId {export.table_id} of {export.table_arn}",
        do=do,
    )


def why_outdated(bronze: Snapshot, export: RawExport, decisions: Mapping[str, Decision]) -> str | None:
    """Why none of an export's records counts: it is of a former table, and begins after a later one took over.

    It may be harmless, as when exports of the former table went on for a while; or the table was moved back to.
    """
    numbers = numbers_of(decisions)
    own = numbers.get(export.table_id or "", 0)
    if own == len(numbers):
        return None
    rejected = {one.subject for one in decisions.values() if one.action is Action.REJECT}
    later = [
        one
        for one in exports_of_tables(bronze)
        if one.is_full and numbers.get(one.table_id or "", 0) > own and one.export_id not in rejected
    ]
    first = min(later, key=lambda one: one.decides_at_micros, default=None)
    if first is None or not begins_after(export, first.decides_at_micros):
        return None
    return str(
        PermanentError(
            f"{bronze.table.name}: nothing of export {export.export_id} counts, for it begins after its table ended",
            expected=f"exports of the table that was confirmed since, as {first.export_id} (tableId {first.table_id})",
            found=f"tableId {export.table_id}, whose records count until {decides_at(first.to_at).isoformat()}",
            do="stop exporting the former table. If it is the right one again: restore a backup of it as a new table, "
            "and confirm the tableId of that; a table that another one followed cannot be gone back to",
        )
    )


def expect_new_table_id(bronze: Snapshot, table_id: str) -> None:
    """Refuse to confirm a table of which exports are in: its records would count as the newest table's.

    Raises:
        PermanentError: it is no new one.
    """
    known = next((one for one in exports_of_tables(bronze) if one.table_id == table_id), None)
    if known is not None:
        raise PermanentError(
            f"{bronze.table.name}: tableId {table_id} cannot be confirmed",
            expected="the id of a table of which nothing is in",
            found=f"export {known.export_id} of it, which is in",
            do="leave confirm_table_id out; confirm only what a refused export asks for (table_recreated)",
        )


def _differences(expected: str, found: str) -> list[str]:
    """What differs between two ARNs: `arn:<partition>:dynamodb:<region>:<account>:table/<name>`."""
    names = ("", "partition", "service", "region", "account", "name")
    parts = zip(names, expected.split(":", 5), [*found.split(":", 5), *[""] * 6], strict=False)
    return [name for name, one, other in parts if one != other]
