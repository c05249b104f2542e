"""Searches: which batches are looked for."""

from __future__ import annotations

import pytest

from medallion_assets.contracts.search import EVERYTHING, Search


@pytest.mark.parametrize(
    ("search", "wanted"),
    [
        (EVERYTHING, "abc"),
        (Search(after="a"), "bc"),
        (Search(known={"b"}), "ac"),
        (Search(after="a", known={"c"}), "b"),
        (Search(held={"a", "b", "c"}), "abc"),
    ],
)
def test_batches_behind_a_place_that_are_not_known(search: Search, wanted: str) -> None:
    """What is `held` is looked for like everything else."""
    assert "".join(filter(search.wants, "abc")) == wanted
