"""The next exports join up with what lies there, and tell only what can have happened."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.pipelines.transactions.samples.next_exports import write_next_exports
from medallion_assets.sources.dynamodb_export.manifest import Export, ExportType
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.sources.dynamodb_export.write import full_record, write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.pipelines.transactions.samples.reading import all_bytes, records, value
from medallion_assets_tests.sources.dynamodb_export.planted_exports import verified

KEYS = {"customer_transactions": "transaction_id", "customers": "customer_id"}
NOW = datetime(2026, 3, 9, 18, 30, 5, 250_000, tzinfo=UTC)
STEPS = (timedelta(), timedelta(seconds=1), timedelta(minutes=20), timedelta(hours=30), timedelta(days=40))
"""A first time, twice at once, and after a break."""
Chain = list[tuple[Export, list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Export]]:
    folder = tmp_path_factory.mktemp("next")
    return folder, [export for step in STEPS for export in write_next_exports(str(folder), now=NOW + step, seed=3)]


@pytest.fixture(params=list(KEYS))
def chain(exports: tuple[Path, list[Export]], request: pytest.FixtureRequest) -> Chain:
    folder, written = exports
    return [(export, records(folder, export)) for export in written if export.table_name == request.param]


def test_every_export_is_complete_and_joins_the_one_before(exports: tuple[Path, list[Export]], chain: Chain) -> None:
    """Rules B1 and C1; the ids ascend with the windows."""
    assert {each.verdict for each in verified(str(exports[0]))} == {Verdict.COMPLETE}
    taken = [export for export, _ in chain]
    assert [export.export_type for export in taken] == [ExportType.FULL] + [ExportType.INCREMENTAL] * (len(STEPS) - 1)
    assert taken[1].from_at == taken[0].batch.covers_until
    assert [before.to_at for before in taken[1:-1]] == [after.from_at for after in taken[2:]]
    assert [export.to_at for export in taken] == [(NOW + step).replace(microsecond=0) for step in STEPS]
    assert [export.export_id for export in taken] == sorted({export.export_id for export in taken})


def test_records_follow_from_what_was_there(chain: Chain) -> None:
    """Inserts have new keys; updates and deletes tell the image before; nothing is written outside its window."""
    name = KEYS[chain[0][0].table_name]
    state = {value(record["Item"], name): record["Item"] for record in chain[0][1]}
    assert len(state) > 400
    kinds: Counter[str] = Counter()
    for export, changes in chain[1:]:
        assert len({value(record["Keys"], name) for record in changes}) == len(changes) > 0
        for record in changes:
            key, old, new = value(record["Keys"], name), record.get("OldImage"), record.get("NewImage")
            assert state.pop(key, None) == old
            micros = int(record["Metadata"]["WriteTimestampMicros"]["N"])
            assert export.from_at.timestamp() * 1e6 <= micros < export.to_at.timestamp() * 1e6
            kinds["insert" if old is None else "delete" if new is None else "update"] += 1
            if new is not None:
                state[key] = new
    assert min(kinds[kind] for kind in ("insert", "update", "delete")) > 0


def test_some_transactions_come_days_late_and_none_from_the_future(exports: tuple[Path, list[Export]]) -> None:
    folder, written = exports
    days = Counter[int]()
    for export in written:
        if export.table_name == "customer_transactions" and export.export_type is ExportType.INCREMENTAL:
            for record in records(folder, export):
                if "NewImage" in record and "OldImage" not in record:
                    text = record["NewImage"]["transaction_timestamp"]["S"]
                    at = int(record["Metadata"]["WriteTimestampMicros"]["N"]) / 1e6
                    if text.endswith("Z") and "02-30" not in text and "01-15" not in text:
                        days[int((at - datetime.fromisoformat(text).timestamp()) // 86_400)] += 1
    assert set(days) == {0, 3}
    assert days[0] > 20 * days[3] > 0


@pytest.mark.slow
def test_the_same_moment_and_seed_write_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        for step in STEPS[:3]:
            write_next_exports(str(tmp_path / name), now=NOW + step, seed=seed)
    one, two, other = (all_bytes(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one != other


def test_it_continues_the_history_of_the_demo(tmp_path: Path) -> None:
    history = write_demo_history(str(tmp_path), seed=7, transactions=400, customers=40, days=12)
    written = write_next_exports(str(tmp_path), now=NOW)
    assert {export.from_at for export in written} == {max(export.to_at for export in history)}


def test_a_share_of_bad_records_can_be_asked_for(tmp_path: Path) -> None:
    """For trying the gate."""
    write_next_exports(str(tmp_path), now=NOW)
    export, _ = write_next_exports(str(tmp_path), now=NOW + timedelta(hours=1), bad_share=1.0, records=50, seed=1)
    statuses = [record["NewImage"].get("status") for record in records(tmp_path, export) if "NewImage" in record]
    assert statuses.count({"S": "lost"}) > 0


def test_a_window_without_a_second_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    write_next_exports(str(tmp_path), now=NOW)
    before = all_bytes(tmp_path)
    for earlier in (timedelta(), timedelta(milliseconds=700), timedelta(days=-1)):
        with pytest.raises(PermanentError, match="would be empty"):
            write_next_exports(str(tmp_path), now=NOW + earlier)
    assert all_bytes(tmp_path) == before


def test_real_exports_are_not_mixed_with_samples(tmp_path: Path) -> None:
    """An export of another account lies there."""
    write_export(
        open_store(str(tmp_path / "customers")),
        table_name="customers",
        export_type=ExportType.FULL,
        from_at=NOW,
        to_at=NOW,
        files=[[full_record({"customer_id": {"S": "ann"}})]],
        account_id="444455556666",
    )
    before = all_bytes(tmp_path)
    with pytest.raises(PermanentError, match="samples are not mixed with real exports of customers"):
        write_next_exports(str(tmp_path), now=NOW + timedelta(days=1))
    assert all_bytes(tmp_path) == before
