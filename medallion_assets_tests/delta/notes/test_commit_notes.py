"""What commits say of themselves, read by a snapshot that others have overtaken."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_assets.delta.notes.commit_notes import commits_since, committed_at
from medallion_assets_tests.refining.planting import STOCK, lake


@pytest.mark.parametrize("version", [0, 1])
def test_a_version_was_committed_when_it_was_whatever_others_have_committed_since(tmp_path: Path, version: int) -> None:
    lakehouse = lake(tmp_path)
    lakehouse.ready(STOCK)
    lakehouse.open(STOCK).commit(metadata={"note": 1})
    overtaken = lakehouse.open(STOCK, version=version)
    before = committed_at(lakehouse.open(STOCK, version=version))
    lakehouse.open(STOCK).commit(metadata={"note": 2})
    assert committed_at(overtaken) == before
    assert [commit["version"] for commit in commits_since(overtaken, version - 1)] == [version]
