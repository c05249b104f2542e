"""Validation: whether contracts can be kept, where their batches are looked for, and whether items fill their columns.

Belongs here: what `medallion validate` answers, before a table is made or after.
Does not: what a contract may say: loading the definitions asks the same; which records are looked at, and for what.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from medallion_assets.contracts.place import PlaceState, PlaceStatus
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.operations.places import raw_place
from medallion_assets.operations.sampled_records import sampled_records
from medallion_assets.operations.unfit_columns import Misread, Unfilled, unfit_columns
from medallion_assets.refining.judging.checked_contracts import checked, expect_conditions


@dataclass(frozen=True, kw_only=True)
class Unkept:
    """A contract that cannot be kept: what its error says."""

    table: str
    what: str
    expected: str | None
    found: str | None
    do: str | None


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The loaded tables whose contracts can be kept, each with how many records its columns were looked for in.

    0: no batch of it is there yet, and nobody can know. `places` says what the places of their batches are; `unkept`
    are the other contracts, of which nothing more is known. `misread` and what of `unfilled` is sure are faults.
    """

    unkept: list[Unkept] = field(default_factory=list)
    tables: dict[str, int] = field(default_factory=dict)
    places: list[PlaceStatus] = field(default_factory=list)
    unfilled: list[Unfilled] = field(default_factory=list)
    misread: list[Misread] = field(default_factory=list)

    @property
    def wrong_places(self) -> list[PlaceStatus]:
        """Where no batch of a table can be found; an empty place is none, for the first one may not have arrived."""
        return [place for place in self.places if place.state not in (PlaceState.FINE, PlaceState.EMPTY)]

    @property
    def is_well(self) -> bool:
        """Whether nothing has to be corrected."""
        faults = [self.wrong_places, self.misread, self.unkept]
        return not any(faults) and not any(unfilled.is_sure for unfilled in self.unfilled)


def validate(lakehouse: Lakehouse, raw_url: str) -> Validation:
    """Look at every loaded table of the catalog. Nothing is made.

    Raises:
        TransientError: a store did not answer.
    """
    answer = Validation()
    for loaded in lakehouse.catalog.loaded:
        try:
            table = checked(loaded.table)
            expect_conditions(table)
        except PermanentError as error:  # the other contracts are looked at all the same
            answer.unkept.append(_unkept(loaded.table.name, error))
            continue
        place = raw_place(lakehouse, raw_url, loaded)
        lines = sampled_records(lakehouse, raw_url, loaded, place_is_fine=place.is_fine)
        answer.places.append(place)
        answer.tables[table.name] = lines.height
        unfit = list(unfit_columns(loaded, lines)) if lines.height else []
        answer.unfilled.extend(column for column in unfit if isinstance(column, Unfilled))
        answer.misread.extend(column for column in unfit if isinstance(column, Misread))
    return answer


def _unkept(table: str, error: PermanentError) -> Unkept:
    parts = error.parts
    return Unkept(table=table, what=error.headline, expected=parts["expected"], found=parts["found"], do=parts["do"])
