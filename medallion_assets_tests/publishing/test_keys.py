"""No key of a customer meets an item of ours, and each comes back as it was (rule P4)."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.publishing.keys import decode_key, encode_key


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("ann", "ann"),
        ("a#b", "a#b"),
        ("50%", "50%25"),
        ("#watermark", "%23watermark"),
        ("%23watermark", "%2523watermark"),
        ("##%", "%23#%25"),
        ("", ""),
    ],
)
def test_percent_and_a_leading_hash_are_encoded(value: str, key: str) -> None:
    assert (encode_key(value), decode_key(key)) == (key, value)


@given(st.text(alphabet="#%235ab") | st.text())
def test_every_key_comes_back_with_the_decoder_of_any_language(value: str) -> None:
    key = encode_key(value)
    assert decode_key(key) == unquote(key, errors="strict") == value
    assert not key.startswith("#")


@given(st.text(alphabet="#%235"), st.text(alphabet="#%235"))
def test_no_two_customers_share_a_key(one: str, other: str) -> None:
    assert (encode_key(one) == encode_key(other)) == (one == other)
