"""Samples and real exports do not meet: every export at a place is looked at, of whatever table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.samples.next_exports import write_next_exports
from medallion_assets.pipelines.transactions.samples.places import check_only_samples
from medallion_assets.sources.dynamodb_export.manifest import Export, ExportType
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.cli.command_line import run
from medallion_assets_tests.pipelines.transactions.samples.reading import all_bytes

NOW = datetime(2026, 3, 9, 18, 30, tzinfo=UTC)
REAL, SAMPLE = "444455556666", "111122223333"


def export(place: Path, account: str, table: str = "orders") -> Export:
    """An export of a table that no sample is made of."""
    return write_export(
        open_store(str(place / table)),
        table_name=table,
        export_type=ExportType.FULL,
        from_at=NOW,
        to_at=NOW,
        files=[],
        account_id=account,
    )


def said_by(page: Result) -> str:
    """The words of an error, however its panel breaks the lines."""
    return " ".join(page.stderr.replace("│", " ").split())


def test_real_exports_of_any_table_are_named(tmp_path: Path) -> None:
    """Place, table, export, account; nothing is written."""
    real = export(tmp_path, REAL)
    before = all_bytes(tmp_path)
    with pytest.raises(PermanentError) as refused:
        write_next_exports(str(tmp_path), now=NOW)
    said = str(refused.value)
    for words in (str(tmp_path), "real exports of orders", real.export_id, REAL, "to another place"):
        assert words in said
    page = run("sample", "--table", "customers", "--items", 5, "--out", tmp_path)
    assert (page.exit_code, "real exports of orders" in said_by(page)) == (2, True)
    assert all_bytes(tmp_path) == before


def test_samples_of_a_table_of_ones_own_are_none_the_less_samples(tmp_path: Path) -> None:
    """As the example of docs/pipelines.md makes them."""
    export(tmp_path, SAMPLE)
    check_only_samples(str(tmp_path))


def test_an_export_that_cannot_be_read_may_be_a_real_one(tmp_path: Path) -> None:
    """On its way, or left by a sample that was stopped: the message says both."""
    found = export(tmp_path, SAMPLE)
    (tmp_path / "orders/AWSDynamoDB" / found.export_id / "manifest-summary.json").unlink()
    with pytest.raises(PermanentError, match=rf"exports that may be real.*{found.export_id}.*remove that folder first"):
        check_only_samples(str(tmp_path))


def test_a_place_that_is_missing_is_fine_and_is_not_made(tmp_path: Path) -> None:
    check_only_samples(str(tmp_path / "raw"))
    assert list(tmp_path.iterdir()) == []


def test_a_sample_is_written_once(tmp_path: Path) -> None:
    """The same seed makes the same id, whatever the size: what lies there is loaded, perhaps."""
    assert run("sample", "--table", "customers", "--items", 5, "--out", tmp_path).exit_code == 0
    before = all_bytes(tmp_path)
    page = run("sample", "--table", "customers", "--items", 50, "--out", tmp_path)
    assert (page.exit_code, "exists already" in said_by(page)) == (2, True)
    assert all_bytes(tmp_path) == before
    assert run("sample", "--table", "customers", "--items", 50, "--seed", 1, "--out", tmp_path).exit_code == 0
