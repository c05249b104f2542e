"""Questions about all texts at once are answered as if each had been asked."""

from __future__ import annotations

import polars as pl
import pytest

from medallion_assets.contracts.texts import BEYOND_ASCII, all_match, any_has


@pytest.mark.parametrize(
    ("texts", "some", "expected"),
    [
        (["ab", None, "c\td"], b"\t", True),
        (["ab", None, "cd"], b"\t", False),
        (["a", "é"], BEYOND_ASCII, True),
        (["a", "\x7f"], BEYOND_ASCII, False),
        ([None], b"a", False),
        ([], b"a", False),
    ],
)
def test_any_has(texts: list[str | None], some: bytes, *, expected: bool) -> None:
    assert any_has(pl.Series(texts, dtype=pl.String), some) is expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a1", None, "b2"], True),
        (["a1", "b2c", "3"], False),
        (["a1", "1b"], False),
        (["a1b2"], False),
        (["a1\n"], False),
        ([None], True),
        ([], True),
    ],
)
def test_all_match(texts: list[str | None], *, expected: bool) -> None:
    """Texts that match together, and not each, do not."""
    assert all_match(pl.Series(texts, dtype=pl.String), "[a-z][0-9]", length=2) is expected
