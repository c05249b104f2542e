"""The moment as of which a full batch decides (rule R1), and up to which a batch covers everything (C1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

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
    with pytest.raises(ValueError, match="contains changes"):
        _ = changes.decides_at


def test_a_batch_that_is_a_partition_names_it() -> None:
    """By the moment from which it covers; it neither decides for the whole table nor waits for another."""
    october = replace(batch(BatchKind.PARTITION, MINUTE), covers_from=datetime(2019, 10, 1, tzinfo=UTC))
    assert (october.partition, october.covers_until, october.is_full) == (date(2019, 10, 1), AT, False)
    assert batch(BatchKind.CHANGES, MINUTE).partition is None
