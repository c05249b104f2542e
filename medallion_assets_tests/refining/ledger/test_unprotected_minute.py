"""Whether a window covers the minute that a full export is not sure of (rule C1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.refining.ledger.chain import UnprotectedMinute, unprotected_minute
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.model import TABLES
from medallion_assets_tests.oracle.oracle import expected
from medallion_assets_tests.oracle.strategies import History, any_histories
from medallion_assets_tests.properties.examples import examples

AT = datetime(2025, 3, 8, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def batch(kind: BatchKind, begin: datetime, end: datetime) -> Batch:
    edges = {"covers_from": begin, "covers_to": end, "started_at": end, "uncertainty": MINUTE}
    return Batch(id="f" if kind is BatchKind.FULL else "w", kind=kind, records=0, **edges)  # type: ignore[arg-type]


def full(at: datetime) -> Batch:
    return batch(BatchKind.FULL, at, at)


def window(begin: datetime) -> Batch:
    return batch(BatchKind.CHANGES, begin, begin + HOUR)


FULL = full(AT)


def open_minute(*windows: Batch, fulls: tuple[Batch, ...] = (FULL,), starts_at: datetime | None = None) -> bool:
    return unprotected_minute(fulls, windows, starts_at) is not None


def test_a_window_that_joins_within_the_minute_is_named() -> None:
    """With both moments: up to which everything is covered, and the window's first."""
    found = unprotected_minute([FULL], [window(AT)])
    assert found == UnprotectedMinute(full_id="f", batch_id="w", covered_until=AT - MINUTE, window_from=AT)
    assert "written by 2025-03-08T11:59:00+00:00" in str(found)
    assert "begins at 2025-03-08T12:00:00+00:00" in str(found)
    assert open_minute(window(AT - MINUTE + SECOND))
    assert open_minute(window(AT), window(AT + 30 * SECOND), fulls=(full(AT - HOUR), FULL))
    half = unprotected_minute([FULL], [window(AT), window(AT - HOUR - 30 * SECOND)])
    assert half is not None
    assert (half.covered_until, half.window_from) == (AT - 30 * SECOND, AT)


def test_a_window_over_the_minute_or_a_full_export_after_it_closes_it() -> None:
    """Nothing is said before a window has come, or of one that did not join."""
    assert not open_minute()
    assert not open_minute(window(AT - MINUTE))
    assert not open_minute(window(AT), window(AT - HOUR))
    assert not open_minute(window(AT), fulls=(FULL, full(AT + HOUR)))
    assert not open_minute(window(AT + SECOND))
    assert not open_minute(window(AT), fulls=())


def test_a_chain_that_the_contract_lets_begin_with_the_window_has_no_open_minute() -> None:
    """A beginning before the full export changes nothing."""
    assert not open_minute(window(AT), starts_at=AT)
    assert open_minute(window(AT), starts_at=AT - HOUR)


@examples()
@given(history=any_histories())
def test_the_oracle_finds_the_same_minutes(history: History) -> None:
    """C1, C4: of what each chain has settled; a full export that was rejected was never delivered."""
    truth = expected(history.exports, history.decisions)
    for table in TABLES:
        settled = [
            export for export in history.exports if export.table == table and export.export_id in truth.settled[table]
        ]
        fulls = [export for export in settled if export.is_full and export.export_id not in truth.rejected[table]]
        windows = [export for export in settled if not export.is_full]
        found = unprotected_minute(map(pipeline.batch_of, fulls), map(pipeline.batch_of, windows))
        assert ([] if found is None else [(found.covered_until, found.window_from)]) == truth.unprotected[table]
