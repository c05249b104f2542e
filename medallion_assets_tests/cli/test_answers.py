"""Pages of answers: how they say one of something, and several."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console, RenderableType

from medallion_assets.cli.pages.answers import quarantine_page
from medallion_assets.operations.exports.quarantine_listing import QuarantineListing


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
