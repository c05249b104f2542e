"""A reason says something: neither nothing, nor what stands for one in a command to copy."""

from __future__ import annotations

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.errors.reasons import REASON, expect_reason


@pytest.mark.parametrize("nothing", ["", " \n", REASON, f" {REASON} "])
def test_what_says_nothing_is_refused_with_where_to_say_it(nothing: str) -> None:
    with pytest.raises(PermanentError, match=r"orders: the rebuild has no reason; .* what to do: use --why"):
        expect_reason("the rebuild", nothing, where="orders", do="use --why")


def test_words_are_a_reason() -> None:
    expect_reason("the rebuild", "EUR is allowed since May")
