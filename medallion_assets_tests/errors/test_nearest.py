"""Names that somebody meant."""

from __future__ import annotations

from medallion_assets.errors.nearest import nearest_name


def test_the_name_that_is_most_alike_is_found_and_no_other() -> None:
    assert nearest_name("custmers", ["orders", "customers"]) == "customers"
    assert nearest_name("invoices", {"orders", "customers"}) is None
