"""Tables of which nobody can know how far they reach, as their sources say nothing of it (rules V1, V2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.source import Source
from medallion_assets.operations.freshness.coverage import never_known
from medallion_assets.operations.stages import stages_of
from medallion_assets_tests.sources.csv_files import CsvFiles
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS


@dataclass(frozen=True)
class Undated(CsvFiles):
    """Files of a user's own that say nothing of what they cover."""

    declares_coverage: ClassVar[bool] = False


def unknown(*sources: Source) -> set[str]:
    """The tables of the tickets' pipeline whose batches come from these sources."""
    loaded = [replace(loaded, source=source) for loaded, source in zip(SUPPORT_TICKETS.loaded, sources, strict=True)]
    return never_known(Catalog((replace(SUPPORT_TICKETS, loaded=tuple(loaded)),)))


def test_of_a_source_of_a_users_own_that_declares_nothing_it_is_never_known() -> None:
    """As of files without a date in their names; nor of what is made of it, whatever its other sources declare."""
    dated, undated = CsvFiles(columns=("id",)), Undated(columns=("id",))
    tickets = {"bronze.tickets", "silver.tickets", "gold.opened_tickets"}
    assert unknown(dated, dated) == set()
    every = {stage.table.name for stage in stages_of(SUPPORT_TICKETS)}
    assert unknown(undated, undated) == every
    assert unknown(dated, undated) == every - tickets
