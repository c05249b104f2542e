"""The histories are small, of the right form, and reach every rule; the oracle answers each of them."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from medallion_assets_tests.oracle.model import TABLES
from medallion_assets_tests.oracle.oracle import expected
from medallion_assets_tests.oracle.records import read_once
from medallion_assets_tests.oracle.strategies import History, any_histories, arrivals, settled_histories
from medallion_assets_tests.properties.examples import examples

REASONS = """
    missing wrong_type not_a_number too_many_decimals out_of_range timestamp_malformed timestamp_without_zone
    timestamp_too_old timestamp_in_future date_malformed amount_out_of_range quantity_out_of_range currency_unsupported
    status_unknown conflicting_duplicate malformed_json unknown_record sequence_malformed write_time_outside_window
    """.split()  # noqa: SIM905
SITUATIONS = """
    waiting stuck held rejected empty_export tombstone enriched several_days deleted_version replaced_version
    unprotected just_too_late empty_full_export_stuck empty_full_export_rejected
    """.split()  # noqa: SIM905


@examples()
@given(any_histories())
def test_exports_have_the_form_of_real_ones(history: History) -> None:
    """Ids and file names as in the export format, each used once; whole seconds; windows of 15 minutes to 24 hours."""
    ids = [export.export_id for export in history.exports]
    names = [name for export in history.exports for name in export.file_names]
    assert len(set(ids)) == len(ids)
    assert len(set(names)) == len(names)
    assert sum(len(file) for export in history.exports for file in export.files) <= 100
    for export in history.exports:
        assert re.fullmatch(r"0\d{13}-[0-9a-f]{8}", export.export_id)
        assert all(re.fullmatch(r"[a-z2-7]{26}\.json\.gz", name) for name in export.file_names)
        assert list(export.file_names) == sorted(export.file_names)
        assert len(export.files) == len(export.file_names)
        assert export.from_at.microsecond == export.to_at.microsecond == 0
        length = export.to_at - export.from_at
        assert length == timedelta() if export.is_full else timedelta(minutes=15) <= length <= timedelta(hours=24)


@examples()
@given(settled_histories(), st.data())
def test_settled_histories_settle_in_any_order(history: History, data: st.DataObject) -> None:
    """Rule K4: every export settles, and its answer does not depend on the order or on repetition."""
    expectation = expected(history.exports, history.decisions)
    assert expectation.is_settled
    assert sum(len(expectation.settled[table]) for table in TABLES) == len(history.exports)
    batches = data.draw(arrivals(history.exports))
    arrived = [export for batch in batches for export in batch]
    assert all(batches)
    assert set(arrived) == set(history.exports)
    assert expected(arrived, history.decisions) == expectation


@examples()
@given(any_histories())
def test_tables_hold_together(history: History) -> None:
    """Rules K2, H1, H2, G1: what must hold of the answer whatever the history."""
    answer = expected(history.exports, history.decisions)
    transactions = [row["transaction_id"] for row in answer.silver_transactions]
    assert len(set(transactions)) == len(transactions)
    live = [row for row in answer.silver_transactions if not row["is_deleted"]]
    assert [row["transaction_id"] for row in answer.enriched] == [row["transaction_id"] for row in live]
    for earlier, later in zip(answer.silver_customers, answer.silver_customers[1:], strict=False):
        if earlier["customer_id"] == later["customer_id"]:
            assert earlier["valid_from"] < earlier["valid_to"] <= later["valid_from"]
            assert not earlier["is_current"]
    gross = sum(row["amount"] for row in live if row["status"] in {"completed", "refunded"})
    assert sum(row["gross_revenue"] for row in answer.daily_sales_summary) == gross


@pytest.mark.slow
def test_histories_reach_every_reason_and_situation() -> None:
    """What the histories never plant, no comparison can find."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=250,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(any_histories())
    def look(history: History) -> None:
        answer = expected(history.exports, history.decisions)
        seen["histories"] += 1
        seen["settled"] += answer.is_settled
        seen["waiting"] += any(answer.waiting.values())
        seen["stuck"] += any(answer.stuck.values())
        seen["held"] += any(answer.held.values())
        seen["rejected"] += any(answer.rejected.values())
        seen["empty_export"] += any(not any(export.files) for export in history.exports)
        seen["tombstone"] += any(row["is_deleted"] for row in answer.silver_transactions)
        seen["deleted_version"] += any(row["is_deleted"] for row in answer.silver_customers)
        seen["replaced_version"] += any(row["valid_to"] and not row["is_deleted"] for row in answer.silver_customers)
        seen["enriched"] += any(row["customer_segment"] != "unknown" for row in answer.enriched)
        seen["several_days"] += len({row["transaction_date"] for row in answer.enriched}) > 1
        seen["unprotected"] += any(answer.unprotected.values())
        empty = {
            export_id
            for found in answer.deletes.values()
            for export_id, deleted in found.items()
            if deleted.is_empty and deleted.deleted
        }
        seen["empty_full_export_stuck"] += not empty.isdisjoint(answer.stuck.values())
        seen["empty_full_export_rejected"] += any(not empty.isdisjoint(ids) for ids in answer.rejected.values())
        gaps = [gap for waiting in answer.waiting.values() for gap in waiting.values()]
        seen["just_too_late"] += any(gap.covered_until == gap.begins_at - timedelta(seconds=61) for gap in gaps)
        for export in history.exports:
            for record in read_once(export):
                seen.update(record.reasons)

    look()
    assert seen["settled"] > seen["histories"] // 4
    assert {name for name in (*REASONS, *SITUATIONS) if not seen[name]} == set()
