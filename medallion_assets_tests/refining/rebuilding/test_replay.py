"""Replay: in which groups exports are applied to a copy."""

from __future__ import annotations

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.refining.rebuilding.replay import batch_groups
from medallion_assets_tests.pipeline import NOW


def test_exports_go_in_groups_of_bounded_size() -> None:
    """One full export, or windows up to a number of records."""
    kinds = (("F", 9), ("w", 2), ("w", 3), ("w", 1), ("F", 1), ("F", 1))
    exports = [
        Batch(
            id=f"{kind}{records}",
            kind=BatchKind.FULL if kind == "F" else BatchKind.CHANGES,
            covers_from=NOW,
            covers_to=NOW,
            started_at=NOW,
            records=records,
        )
        for kind, records in kinds
    ]
    groups = [[export.id for export in group] for group in batch_groups(exports, 5)]
    assert groups == [["F9"], ["w2", "w3"], ["w1"], ["F1"], ["F1"]]
