"""What a fingerprint of the rules of a table's rows depends on (rule C6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.delta.notes.fingerprints import fingerprint
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.refining.judging.gate import rules_of
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets_tests.pipeline import CUSTOMERS, declared


def test_lakehouses_made_before_hold_these_fingerprints_of_our_tables() -> None:
    """C6, C4: another figure for the same contract would have every table rebuilt, every failed export judged anew."""
    found = {loaded.table.short_name: (fingerprint(loaded), rules_of(loaded)) for loaded in TRANSACTIONS.loaded}
    assert found == {
        "customers": ("88e82f71256c", "da4cf4e92afd"),
        "customer_transactions": ("aa1b4113fab8", "f0e6b701652a"),
    }


def test_rows_that_were_ordered_by_another_rule_were_judged_by_another_contract() -> None:
    """R1: tables of releases in which a full export counted as of its time are named, and rebuilt."""

    class AsOfItsTime(DynamoDBExports):
        """As those releases took exports."""

        @property
        def uncertainty(self) -> timedelta:
            return timedelta(0)

    assert fingerprint(declared(CUSTOMERS, source=AsOfItsTime())) != fingerprint(declared(CUSTOMERS))


def test_which_write_times_can_be_is_a_rule_of_rows_and_the_gate_is_not() -> None:
    """R1, C7: only the first makes other rows."""
    present = fingerprint(declared(CUSTOMERS))
    assert fingerprint(declared(CUSTOMERS, source=DynamoDBExports(write_time_slack_hours=1))) != present
    assert fingerprint(declared(CUSTOMERS, source=DynamoDBExports(write_time_slack_hours=24.0))) == present
    gate = GatePolicy(quality_threshold=0.5, quality_min_bad_records=1, max_delete_share=0.9, max_delete_min_rows=1)
    assert fingerprint(declared(CUSTOMERS, gate=gate)) == present


def test_what_stands_in_for_a_missing_text_is_a_rule_of_rows() -> None:
    """T3."""

    def with_stand_in(text: str | None) -> str:
        column = replace(CUSTOMERS.column("customer_segment"), missing=text)
        others = (column if other.name == column.name else other for other in CUSTOMERS.columns)
        return fingerprint(declared(replace(CUSTOMERS, columns=tuple(others))))

    assert len({with_stand_in(None), with_stand_in("none"), with_stand_in("Unknown")}) == 3
    assert with_stand_in(None) == fingerprint(declared(CUSTOMERS))
