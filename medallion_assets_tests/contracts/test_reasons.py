"""Lists of names, for the few rows that have any."""

from __future__ import annotations

import polars as pl

from medallion_assets.contracts.reasons import appended, listed, spread


def test_each_row_lists_the_names_of_its_flags() -> None:
    """In the order of the columns; a name may be null, as reasons of the whole record are."""
    flags = pl.DataFrame({"a": [True, False, True], "b": [True, False, False]})
    assert listed(flags, ["x", None], height=3).to_list() == [["x", None], [], ["x"]]


def test_no_flags_and_no_rows() -> None:
    assert listed(pl.DataFrame(), [], height=2).to_list() == [[], []]
    assert listed(pl.DataFrame(schema={"a": pl.Boolean}), ["x"], height=0).to_list() == []


def test_lists_are_spread_over_the_rows_they_belong_to() -> None:
    lists = pl.Series("l", [["a"], ["b"]])
    assert spread(lists, pl.Series([False, True, False, True])).to_list() == [[], ["a"], [], ["b"]]


def test_lists_are_appended_row_by_row() -> None:
    """Nulls within stay; the name stays."""
    lists = pl.Series("l", [["a", None], []], dtype=pl.List(pl.String))
    more = pl.Series("m", [["b"], []], dtype=pl.List(pl.String))
    assert appended(lists, more).to_list() == [["a", None, "b"], []]
    assert appended(lists, more).name == appended(lists, more.clear().extend_constant([], 2)).name == "l"
