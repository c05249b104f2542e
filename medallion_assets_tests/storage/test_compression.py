"""Packed streams are unpacked in pieces, however many members they have."""

from __future__ import annotations

import gzip

import pytest

from medallion_assets.storage import compression


def test_what_follows_a_member_is_handed_over_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is copied for each member: a chunk of many would be copied as often as it has members."""
    unpack, sizes = compression._Gzip.unpack, []

    def noted(member: compression._Gzip, data: bytes) -> bytes:
        sizes.append(len(data))
        return unpack(member, data)

    monkeypatch.setattr(compression._Gzip, "unpack", noted)
    chunk = gzip.compress(b"a,1\n", mtime=0) * 2_000
    assert b"".join(compression.gunzipped([chunk])) == b"a,1\n" * 2_000
    assert max(sizes) <= compression.PACKED_BYTES < len(chunk)
