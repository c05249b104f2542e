"""Every export below a URL: facts for each, whatever is wrong with it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from medallion_assets.dynamodb.storage import open_store
from medallion_assets.dynamodb.verdicts import Standing, Verdict
from medallion_assets.errors import PermanentError
from medallion_assets.operations.export_report import verify_exports
from medallion_assets_tests.dynamodb.planted_exports import EXPORT_AT, key_of, write_full, write_window

DAY = timedelta(days=1)


def test_exports_of_every_prefix_with_their_gaps(tmp_path: Path) -> None:
    """C1: the window after a hole is named with both edges; progress counts exports."""
    store = open_store(str(tmp_path))
    write_full(store, prefix="old")
    write_window(store)
    write_window(store, begin=EXPORT_AT + 3 * DAY)
    told: list[tuple[int, int]] = []
    exports = verify_exports(str(tmp_path), progress=lambda *figures: told.append(figures)).exports
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [(one.prefix, one.verdict, one.items, one.is_well) for one in exports] == [
        ("old/", Verdict.COMPLETE, 2, True),
        ("", Verdict.COMPLETE, 1, True),
        ("", Verdict.COMPLETE, 1, False),
    ]
    assert [one.unprotected_minute is None for one in exports] == [True, False, True]
    gap = exports[2].gap_before
    assert gap is not None
    assert (gap.from_at, gap.to_at) == (EXPORT_AT + DAY, EXPORT_AT + 3 * DAY)


def test_a_broken_export_tells_what_was_expected_and_a_waiting_one_is_not_well(tmp_path: Path) -> None:
    """B1: the verdict of each; one that is not complete has no gap of its own."""
    store = open_store(str(tmp_path))
    broken = write_full(store)
    (tmp_path / broken.files[1].key).write_bytes(b"")
    waiting = write_window(store, begin=EXPORT_AT + 5 * DAY)
    (tmp_path / key_of(waiting, "manifest-summary.json")).unlink()
    first, second = verify_exports(f"file://{tmp_path}").exports
    assert (first.verdict, first.standing, first.table) == (
        Verdict.EMPTY_DATA_FILE,
        Standing.INCOMPLETE,
        "orders",
    )
    assert first.problem == "expected: at least the 20 bytes of an empty gzip file; found: 0 bytes"
    assert (second.verdict, second.table, second.gap_before, second.is_well) == (Verdict.WAITING, None, None, False)


@pytest.mark.parametrize("name", ["there", "not_there"])
def test_a_place_without_exports_is_an_error_and_is_not_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(PermanentError, match="no export lies below"):
        verify_exports(str(tmp_path / name))
    assert not (tmp_path / "not_there").exists()
