"""Pages of answers: how they say one of something, and several."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console, RenderableType

from medallion_assets.cli.pages.answers import exports_page, quarantine_page, redriven_page
from medallion_assets.contracts.place import PlaceState, PlaceStatus
from medallion_assets.operations.exports.quarantine_listing import QuarantineListing
from medallion_assets.operations.exports.report import ExportReport
from medallion_assets.refining.redrive import Redriven


def printed(page: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=250).print(page)
    return out.getvalue().strip()


def test_rows_in_quarantine_are_counted_in_words() -> None:
    listing = QuarantineListing(table="quarantine.orders")
    assert printed(quarantine_page(replace(listing, total=2, redriven=1))) == (
        "quarantine.orders: 1 row waits, 1 was redriven"
    )
    assert printed(quarantine_page(replace(listing, total=2))) == "quarantine.orders: 2 rows wait, 0 were redriven"


def test_rows_of_a_held_batch_are_bad_or_break_what_stopped_it() -> None:
    held = QuarantineListing(table="quarantine.orders", held="e1", total=1)
    assert printed(quarantine_page(held)) == "batch e1 waits: 1 of its rows is bad, and none is in any table"
    assert printed(quarantine_page(replace(held, total=2, stops=["insane"]))) == (
        "batch e1 waits: 2 of its rows are bad or break insane (expect_or_fail), and none is in any table"
    )


def test_what_a_redrive_did_is_counted_in_words() -> None:
    one = Redriven(looked_at=1, redriven=1, conflicting=1, not_settled=1, rows_changed=1)
    assert printed(redriven_page("silver.orders", one)).split("\n") == [
        "silver.orders: 1 row judged again, 1 is good now",
        "1 row stays: two records of one key differ in one batch (rule R3)",
        "1 row stays, of batches that are not settled; run the Silver asset first",
        "1 key changed; no day is restated",
    ]
    several = printed(redriven_page("silver.orders", Redriven(looked_at=2, redriven=0)))
    assert several == "silver.orders: 2 rows judged again, 0 are good now"


def test_one_object_belongs_to_no_export() -> None:
    place = PlaceStatus(what="the place", url="/raw", state=PlaceState.FINE)
    told = printed(exports_page(ExportReport(place=place, foreign_objects=1)))
    assert told.endswith("0 of 0 exports are complete and joined; 0 items verified; 1 object belongs to no export")
