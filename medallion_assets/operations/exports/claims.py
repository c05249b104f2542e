"""Claims: which table of this lakehouse loads an export, by where it lies and whose it is (rule B3).

Belongs here: exports that no table will ever look at, although they lie where exports are looked for.
Does not: verifying exports; recording whose they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from medallion_assets.contracts.owner import FULL_BATCH_MISSING, Owner
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.source import BatchRefusedError, Found
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors.nearest import nearest_name
from medallion_assets.operations.tables.refused import find_readable
from medallion_assets.refining.bronze import bronze_table, loaded_ids
from medallion_assets.refining.ledger.decisions import Decision, read_decisions
from medallion_assets.refining.loading.owner import expect_same_table, owner_known
from medallion_assets.refining.loading.raw_place import nearest_raw_url
from medallion_assets.sources.dynamodb_export.find import folder_of
from medallion_assets.sources.dynamodb_export.manifest import ROOT, SUMMARY_NAME, Export
from medallion_assets.sources.dynamodb_export.owner import expect_owner
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, Verdict
from medallion_assets.sources.dynamodb_export.verify import VerifiedExport


@dataclass(frozen=True, kw_only=True)
class UnclaimedExport:
    """A summary of an export that no table will load where it lies; `key` is relative to the URL."""

    key: str
    problem: str
    do: str


@dataclass(frozen=True, kw_only=True)
class Claimant:
    """A table that takes exports: its `owner`, and what Bronze has and people decided; None: nothing is loaded yet."""

    owner: Owner
    bronze: Snapshot | None = None
    held: Collection[str] = ()
    decisions: Mapping[str, Decision] = field(default_factory=dict)

    @classmethod
    def of(cls, loaded: Loaded, lakehouse: Lakehouse) -> Self:
        """By the declaration and by what was loaded."""
        name = loaded.table.short_name
        bronze = find_readable(lakehouse, bronze_table(name)) if loaded.source.names_owner else None
        owner = owner_known(loaded, bronze)
        if bronze is None:
            return cls(owner=owner)
        return cls(owner=owner, bronze=bronze, held=loaded_ids(bronze), decisions=read_decisions(lakehouse, name))

    def expect_taken(self, export: Export) -> None:
        """Refuse an export that loading would refuse, whole as it is.

        Raises:
            BatchRefusedError: WRONG_TABLE, TABLE_RECREATED, FULL_BATCH_MISSING.
        """
        expect_owner(export, self.owner)
        if self.bronze is not None and export.export_id not in self.held:
            expect_same_table(self.bronze, export.batch, self.owner, self.decisions)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """The tables whose folders lie below the raw URL (`root`, if it is known), seen from another URL.

    A key below that URL is below the raw URL when it begins with `inside`, and `below` is what then stands before it.
    A place that has nothing to do with the raw URL is taken for another one, or for the folder of a table in one.
    Neither is known (None) where no tables are known.
    """

    tables: Mapping[str, Claimant]
    inside: str | None = None
    below: str | None = None
    root: str | None = None

    @classmethod
    def of(cls, place: str, raw_url: str | None, lakehouse: Lakehouse | None = None) -> Self:
        """The claims on what lies below a place: by the contracts, and by what Bronze recorded, if there is one."""
        named: dict[str, Claimant] = {}
        if lakehouse is not None:
            named = {loaded.table.short_name: Claimant.of(loaded, lakehouse) for loaded in lakehouse.catalog.loaded}
        if raw_url is not None and f"{place}/".startswith(f"{raw_url}/"):
            return cls(tables=named, inside="", below=f"{place}/".removeprefix(f"{raw_url}/"), root=raw_url)
        if raw_url is not None and raw_url.startswith(f"{place}/"):
            return cls(tables=named, inside=f"{raw_url.removeprefix(f'{place}/')}/", below="", root=raw_url)
        if not named:
            return cls(tables={})
        folder = place.rpartition("/")[2]
        return cls(tables=named, inside="", below=f"{folder}/" if folder in named else "")

    def as_taken(self, verified: VerifiedExport, begun: Collection[str | None] = ()) -> VerifiedExport:
        """With another verdict where an export that is whole would be refused by the table in whose folder it lies.

        `begun` are the origins of the full exports before it, which are loaded first.
        """
        claimant, export = self.tables.get(self._folder(verified.found) or ""), verified.export
        if claimant is None or export is None or verified.verdict is not Verdict.COMPLETE:
            return verified
        try:
            claimant.expect_taken(export)
        except BatchRefusedError as refused:
            if refused.verdict == FULL_BATCH_MISSING and export.batch.origin in begun:
                return verified
            verdict = next(verdict for verdict in Verdict if verdict == refused.verdict)
            detail = ExportRefusedError(
                verdict,
                export_id=export.export_id,
                table=export.table_name,
                expected=refused.expected,
                found=refused.found,
                do=refused.do,
            )
            return replace(verified, verdict=verdict, detail=detail)
        return verified

    def unclaimed(self, exports: Iterable[VerifiedExport]) -> Iterator[UnclaimedExport]:
        """The exports that lie in no table's folder."""
        for verified in exports:
            folder = self._folder(verified.found)
            if folder is None or folder in self.tables:
                continue
            yield UnclaimedExport(
                key=f"{folder_of(verified.found)}/{SUMMARY_NAME}",
                problem=f"no table is named {folder}" if folder else "in no table's folder",
                do=self._advice(verified, folder),
            )

    def _advice(self, verified: VerifiedExport, folder: str) -> str:
        """As `medallion status` says it of a raw URL that is a level too high or too deep; else where to move it."""
        own = "" if verified.export is None else verified.export.table_name
        path = self._path(verified.found)
        if path is not None and self.root is not None:
            way = path.rpartition(ROOT)[0].strip("/")
            right = nearest_raw_url(self.root, way.split("/") if way else [], own or None, self.tables)
            if right is not None:
                return f"set MEDALLION_RAW_URL to {right.url}"
        root = self.root or "MEDALLION_RAW_URL"
        name = own if own in self.tables else nearest_name(folder, self.tables)
        where = f"to {root}/{name}/" if name else f"below {root}/<table>, one of {', '.join(self.tables)}"
        return f"move it {where}; to add a table, declare it in a pipeline"

    def _folder(self, found: Found) -> str | None:
        """The folder below the raw URL that an export lies in; empty if in none, None if nobody can know."""
        if self.inside is None or self.below is None:
            return None
        if (path := self._path(found)) is None:
            return ""
        folder = path.split("/", 1)[0]
        return folder if folder in self.tables or not path.startswith(f"{ROOT}/") else ""

    def _path(self, found: Found) -> str | None:
        """Where an export lies below the raw URL; None where it does not."""
        if self.inside is None or self.below is None or not folder_of(found).startswith(self.inside):
            return None
        return f"{self.below}{folder_of(found).removeprefix(self.inside)}"
