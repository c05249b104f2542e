"""The demo's history: exports that follow from each other, with everything in them that the pipeline must master."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.pipelines.transactions.customer_transactions import STATUSES
from medallion_assets.pipelines.transactions.samples.history import write_bad_export, write_demo_history
from medallion_assets.refining.ledger.coverage import open_gaps
from medallion_assets.sources.dynamodb_export.manifest import Export, ExportType
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets_tests.pipelines.transactions.samples.reading import all_bytes, records, value
from medallion_assets_tests.sources.dynamodb_export.planted_exports import verified

MINUTE = timedelta(minutes=1)
TRANSACTIONS, CUSTOMERS = "customer_transactions", "customers"
SIZE: dict[str, int] = {"seed": 7, "transactions": 6_000, "customers": 300, "days": 12}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Export]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, write_demo_history(str(folder), **SIZE)


def of_table(demo: tuple[Path, list[Export]], table: str) -> list[tuple[Export, list[dict[str, Any]]]]:
    folder, exports = demo
    return [(export, records(folder, export)) for export in exports if export.table_name == table]


def test_every_export_is_complete_and_no_window_is_missing(demo: tuple[Path, list[Export]]) -> None:
    """Rules B1 and C1."""
    looked = verified(str(demo[0]))
    assert {each.verdict for each in looked} == {Verdict.COMPLETE}
    assert open_gaps(export.batch for export in demo[1]) == {}
    assert len(looked) == len(demo[1]) == 2 * (1 + 7)
    for table in (TRANSACTIONS, CUSTOMERS):
        chain = [export for export, _ in of_table(demo, table)]
        assert [export.export_type for export in chain] == [ExportType.FULL] + [ExportType.INCREMENTAL] * 7
        assert chain[1].from_at == chain[0].batch.covers_until
        assert [before.to_at for before in chain[1:-1]] == [after.from_at for after in chain[2:]]
    assert all(export.files[0].item_count == 0 for export in demo[1])


def test_each_window_tells_the_state_before_and_the_state_after(demo: tuple[Path, list[Export]]) -> None:
    """An independent replay: OldImage is what the exports before made of the key, but for rows that are bad.

    What was written within the two minutes of the full export may be in that already.
    """
    for table, key in ((TRANSACTIONS, "transaction_id"), (CUSTOMERS, "customer_id")):
        (_, items), *windows = of_table(demo, table)
        state = {value(record["Item"], key): record["Item"] for record in items}
        compared = unlike = 0
        read_by = (windows[0][0].from_at + 2 * MINUTE).timestamp() * 1e6
        for export, changes in windows:
            assert len({value(record["Keys"], key) for record in changes}) == len(changes)
            for record in changes:
                name, old, new = value(record["Keys"], key), record.get("OldImage"), record.get("NewImage")
                micros = int(record["Metadata"]["WriteTimestampMicros"]["N"])
                if micros > read_by:
                    assert (name in state) is (old is not None)
                    compared, unlike = compared + 1, unlike + (old is not None and state[name] != old)
                assert export.from_at.timestamp() * 1e6 <= micros < export.to_at.timestamp() * 1e6
                state.pop(name, None)
                if new is not None:
                    state[name] = new
        assert unlike <= compared * 0.02


def test_transactions_are_updated_refunded_deleted_and_written_late(demo: tuple[Path, list[Export]]) -> None:
    moves: Counter[tuple[str | None, str | None]] = Counter()
    late = 0
    for export, changes in of_table(demo, TRANSACTIONS)[1:]:
        for record in changes:
            old, new = record.get("OldImage"), record.get("NewImage")
            moves[value(old, "status") if old else None, value(new, "status") if new else None] += 1
            if old is None and new and is_good(new):
                at = datetime.fromisoformat(value(new, "transaction_timestamp"))
                assert at < export.to_at
                late += at < export.from_at - timedelta(days=1)
    assert moves["pending", "completed"] > 0
    assert moves["completed", "refunded"] > 0
    assert moves["completed", None] > 0
    assert moves[None, "completed"] > 1000
    assert late > 10


def test_customers_change_segment_and_region_join_and_leave(demo: tuple[Path, list[Export]]) -> None:
    changed: Counter[str] = Counter()
    for _, changes in of_table(demo, CUSTOMERS)[1:]:
        for record in changes:
            old, new = record.get("OldImage"), record.get("NewImage")
            if old and new:
                changed.update(name for name in old if old[name] != new[name])
            changed["joined"] += old is None
            changed["left"] += new is None
    assert set(changed) == {"customer_segment", "region", "joined", "left"}
    assert min(changed.values()) > 0
    assert changed["customer_segment"] > 20


def test_good_exports_hold_bad_rows_but_pass_the_gate(demo: tuple[Path, list[Export]]) -> None:
    """Rule C3: fewer than 2 in 100 are bad, or fewer than ten."""
    total = 0
    for _, transactions in of_table(demo, TRANSACTIONS):
        bad = count_bad(transactions)
        assert bad < 0.02 * len(transactions)
        total += bad
    assert total > 10


def test_the_bad_export_is_the_next_window_and_fails_the_gate(tmp_path: Path, demo: tuple[Path, list[Export]]) -> None:
    """Rule C3: at least ten bad records, and a score under 0.98."""
    export = write_bad_export(str(tmp_path), **SIZE)
    assert export.from_at == max(each.to_at for each in demo[1])
    changes = records(tmp_path, export)
    assert len(changes) > 300
    assert 0.06 < count_bad(changes) / len(changes) < 0.14
    keys = {value(record["Keys"], "transaction_id") for record in changes if "OldImage" not in record}
    earlier = {
        value(record.get("Keys") or record["Item"], "transaction_id")
        for _, before in of_table(demo, TRANSACTIONS)
        for record in before
    }
    assert not keys & earlier
    assert any("OldImage" in record for record in changes)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, demo: tuple[Path, list[Export]]) -> None:
    write_demo_history(str(tmp_path), **SIZE)
    assert all_bytes(tmp_path) == all_bytes(demo[0])


def count_bad(changes: list[dict[str, Any]]) -> int:
    images = [record.get("Item") or record.get("NewImage") for record in changes]
    return sum(not is_good(image) for image in images if image is not None)


def is_good(item: dict[str, dict[str, str]]) -> bool:
    """Rules T1, T2 and T4 in the words of this test."""
    try:
        at = datetime.fromisoformat(item["transaction_timestamp"]["S"])
        return (
            at.tzinfo is not None
            and at > datetime(1990, 1, 1, tzinfo=UTC)
            and 0 < float(item["amount"]["N"]) < 1_000_000
            and len(item["amount"]["N"].partition(".")[2]) <= 4
            and 1 <= int(item["quantity"]["N"]) <= 10_000
            and item["currency"]["S"] == "USD"
            and item["status"]["S"] in STATUSES
            and bool(item["customer_id"]["S"])
        )
    except (KeyError, ValueError):
        return False
