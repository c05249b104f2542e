"""Every export below a URL, verified: what `medallion exports verify` answers.

Belongs here: going through the exports one by one, and the facts about each.
Does not: the verdicts, gaps, or which table takes them (claims).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from medallion_assets.contracts.place import PlaceState, PlaceStatus
from medallion_assets.contracts.source import Listing
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.exports.claims import Claims, UnclaimedExport
from medallion_assets.operations.places import raw_place
from medallion_assets.refining.ledger.chain import UnprotectedMinute
from medallion_assets.refining.ledger.coverage import Uncovered, open_gaps, unprotected_minutes
from medallion_assets.settings import normalise_url
from medallion_assets.sources.dynamodb_export.find import list_exports
from medallion_assets.sources.dynamodb_export.verdicts import ExportStatus, Verdict
from medallion_assets.sources.dynamodb_export.verify import VerifiedExport, verify_export
from medallion_assets.storage.listing import is_there
from medallion_assets.storage.stores import NO_OPTIONS, open_store

_WHAT = "the place of the exports"
_PUT_RIGHT = (
    "exports are in [prefix/]AWSDynamoDB/<ExportId>/, with DynamoDB's id: copy its folder to such a path; if it is "
    "not an export, it may stay"
)


@dataclass(frozen=True, kw_only=True)
class ExportFacts:
    """One export. What its manifests say is null where they cannot be read; `items` and `files` count what verified.

    `standing`, its status, keeps the name that the JSON has always had. `gap_before` is set where no export covers the
    time before its window (rule C1), `unprotected_minute` where its window joins a full export and leaves some of its
    minute out, which is a warning.
    """

    export_id: str
    prefix: str
    table: str | None
    export_type: str | None
    from_at: datetime | None
    to_at: datetime | None
    standing: ExportStatus
    verdict: Verdict
    items: int
    files: int
    gap_before: Uncovered | None
    unprotected_minute: UnprotectedMinute | None
    problem: str | None
    do: str | None

    @property
    def is_well(self) -> bool:
        """Complete, and joined to what comes before it."""
        return self.standing is ExportStatus.COMPLETE and self.gap_before is None


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """Everything that lies below a URL. `foreign_objects` counts what belongs to no export, and hinders none.

    `place` says why there is none. `not_looked_into` are folders that could not be listed, each with why, and what
    to do.
    """

    place: PlaceStatus
    exports: list[ExportFacts] = field(default_factory=list)
    unclaimed: list[UnclaimedExport] = field(default_factory=list)
    foreign_objects: int = 0
    not_looked_into: dict[str, str] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """There are exports, each of them complete, joined to what comes before it, and claimed by a table."""
        are_joined = self.place.is_fine and all(export.is_well for export in self.exports)
        return are_joined and not self.unclaimed and not self.not_looked_into


def verify_exports(
    url: str,
    *,
    raw_url: str | None = None,
    lakehouse: Lakehouse | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ExportReport:
    """Verify every export below a URL (a local path, `file://` or `s3://`), in the order of (export id, prefix).

    Each export also has to be below the folder of a loaded table (Silver contracts) and of its DynamoDB table, which
    Bronze of `lakehouse` knows where a contract does not. Of a place that is neither in `raw_url` nor around it this is
    said as if it were one like that, or a table's folder in one.

    Raises:
        PermanentError: the place cannot be listed.
        TransientError: the store did not answer.
    """
    place = normalise_url(url, name="the URL of the exports")
    options = lakehouse.storage_options if lakehouse else NO_OPTIONS
    store = open_store(place, options) if is_there(place) else None
    listing = None if store is None else list_exports(store, everything=True)
    if store is None or listing is None or not (listing.batches or listing.unclaimed):
        exports = lakehouse is None or any(each.source.names_owner for each in lakehouse.catalog.loaded)
        others = _others(place, raw_url, lakehouse)
        nothing = _nothing(place, listing, others, may_be_exports=exports)
        return ExportReport(place=_as_its_table_says(nothing, raw_url, lakehouse))
    claims = Claims.of(place, raw_url, lakehouse)
    verified, begun = list[VerifiedExport](), set[str | None]()
    for number, export in enumerate(listing.batches, start=1):
        found = claims.as_taken(verify_export(store, export), begun)
        if found.verdict is Verdict.COMPLETE and found.export is not None and found.export.batch.is_full:
            begun.add(found.export.batch.origin)
        verified.append(found)
        progress(number, len(listing.batches))
    complete = [
        found.export.batch for found in verified if found.export is not None and found.verdict is Verdict.COMPLETE
    ]
    gaps, minutes = open_gaps(complete), unprotected_minutes(complete, "export")
    misplaced = [UnclaimedExport(key=key, problem="in no export folder", do=_PUT_RIGHT) for key in listing.unclaimed]
    return ExportReport(
        place=PlaceStatus(what=_WHAT, url=place, state=PlaceState.FINE),
        exports=[_facts(found, gaps, minutes) for found in verified],
        unclaimed=[*misplaced, *claims.unclaimed(verified)],
        foreign_objects=listing.foreign,
        not_looked_into=listing.unseen,
    )


def _others(place: str, raw_url: str | None, lakehouse: Lakehouse | None) -> list[str]:
    """The tables that load something else than exports from a place, from below it or from around it."""
    declared = lakehouse.catalog.loaded if lakehouse is not None and raw_url is not None else ()
    folders = {
        loaded.table.short_name: f"{raw_url}/{loaded.table.short_name}/"
        for loaded in declared
        if not loaded.source.names_owner
    }
    return [
        name for name, folder in folders.items() if folder.startswith(f"{place}/") or f"{place}/".startswith(folder)
    ]


def _nothing(place: str, listing: Listing | None, others: list[str], *, may_be_exports: bool) -> PlaceStatus:
    """What a place is in which no export lies.

    `others` are the tables that load something else from there; `may_be_exports`: some table loads exports.
    """
    foreign = listing.foreign if listing is not None else 0
    state = PlaceState.FOREIGN if foreign else PlaceState.MISSING if listing is None else PlaceState.EMPTY
    check = "check the URL; `medallion sample` writes exports to try with"
    elsewhere = (
        f"nothing, if it is for {', '.join(others)}: no exports are loaded there, and this command checks exports "
        "alone. What such tables load is checked by the run that loads it: see `medallion status`"
    )
    if others and may_be_exports:
        elsewhere += f". If it is for exports, {check}"
    return PlaceStatus(
        what=_WHAT,
        url=place,
        state=state,
        expected=f"folders [prefix/]AWSDynamoDB/<ExportId>/ below {place}, at any depth",
        found=f"{foreign} other objects" if foreign else "no such folder" if listing is None else "nothing",
        do=elsewhere if others and listing is not None else check,
    )


def _as_its_table_says(nothing: PlaceStatus, raw_url: str | None, lakehouse: Lakehouse | None) -> PlaceStatus:
    """What `medallion status` says of a table's folder, or of one in it, where its exports lie in a wrong place."""
    if lakehouse is None or raw_url is None:
        return nothing
    for loaded in lakehouse.catalog.loaded:
        if f"{nothing.url}/".startswith(f"{raw_url}/{loaded.table.short_name}/"):
            known = raw_place(lakehouse, raw_url, loaded)
            if known.state is PlaceState.MISPLACED:
                return replace(nothing, found=known.found, do=known.do)
    return nothing


def _facts(verified: VerifiedExport, gaps: dict[str, Uncovered], minutes: dict[str, UnprotectedMinute]) -> ExportFacts:
    export, detail = verified.export, verified.detail
    is_complete = verified.verdict is Verdict.COMPLETE
    return ExportFacts(
        export_id=verified.found.id,
        prefix=verified.found.prefix,
        table=export.table_name if export else detail.table if detail else None,
        export_type=export.export_type.value if export else None,
        from_at=export.from_at if export else None,
        to_at=export.to_at if export else None,
        standing=verified.status,
        verdict=verified.verdict,
        items=verified.items,
        files=verified.files,
        gap_before=gaps.get(verified.found.id) if is_complete else None,
        unprotected_minute=minutes.get(verified.found.id) if is_complete else None,
        problem=f"expected: {detail.expected}; found: {detail.found}" if detail else None,
        do=detail.do if detail else None,
    )
