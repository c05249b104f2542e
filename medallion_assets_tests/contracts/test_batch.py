"""The moment as of which a full batch decides (rule R1), and up to which a batch covers everything (C1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.moments import moment

AT = datetime(2025, 3, 8, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def batch(kind: BatchKind, uncertainty: timedelta) -> Batch:
    begin = AT if kind is BatchKind.FULL else AT - timedelta(hours=1)
    edges = {"covers_from": begin, "covers_to": AT, "started_at": AT, "uncertainty": uncertainty}
    return Batch(id="b", kind=kind, records=0, **edges)  # type: ignore[arg-type]


def test_a_full_batch_decides_as_early_as_its_source_is_uncertain() -> None:
    export, snapshot = batch(BatchKind.FULL, MINUTE), batch(BatchKind.FULL, timedelta(0))
    assert (moment(export.decides_at), export.covers_until, export.read_by) == (AT - MINUTE, AT - MINUTE, AT + MINUTE)
    assert (moment(snapshot.decides_at), snapshot.covers_until, snapshot.read_by) == (AT, AT, AT)


def test_changes_cover_their_window_and_decide_nothing() -> None:
    changes = batch(BatchKind.CHANGES, MINUTE)
    assert changes.covers_until == AT
    with pytest.raises(ValueError, match="holds changes"):
        _ = changes.decides_at
