"""What a fingerprint of the rules of a table's rows depends on (rule C6)."""

from __future__ import annotations

import pytest

from medallion_assets.lakehouse import fingerprints
from medallion_assets.lakehouse.fingerprints import fingerprint
from medallion_assets_tests.pipeline import CUSTOMERS


def test_rows_that_were_ordered_by_another_rule_were_judged_by_another_contract(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R1: tables of releases in which a full export counted as of its time are told of, and rebuilt."""
    present = fingerprint(CUSTOMERS)
    monkeypatch.setattr(fingerprints, "SEQUENCE_RULE", "full-export-time")
    assert fingerprint(CUSTOMERS) != present
