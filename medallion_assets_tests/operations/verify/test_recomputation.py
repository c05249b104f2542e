"""Recomputation: what counts is the ledger and quarantine as they stand, not what would be decided today."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import narwhals as nw
import pytest

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.recomputation import differences, recompute
from medallion_assets.refining.ledger.decisions import DECISIONS
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets.refining.redrive import redrive
from medallion_assets_tests.operations.small_lakehouse import AT, DAY
from medallion_assets_tests.oracle.lines import full
from medallion_assets_tests.oracle.model import TRANSACTIONS, Decision
from medallion_assets_tests.pipeline import (
    CUSTOMER_TRANSACTIONS,
    NOW,
    WITH_EURO,
    decide,
    declared,
    lakehouse_at,
    land,
    run_silver,
)

STRICT = replace(
    CUSTOMER_TRANSACTIONS,
    expectations=(*CUSTOMER_TRANSACTIONS.expectations, expect_or_drop("not_ten", nw.col("amount") != 10)),
)


@pytest.fixture
def scratch(tmp_path: Path) -> Lakehouse:
    """Where tables are made again."""
    return lakehouse_at(tmp_path / "scratch")


@pytest.mark.parametrize("is_redriven", [False, True])
def test_rows_that_wait_in_quarantine_stay_out_and_redriven_ones_count(
    lakehouse: Lakehouse, scratch: Lakehouse, *, is_redriven: bool
) -> None:
    """C6: a contract that has learnt EUR changes nothing until the row is driven again."""
    if is_redriven:
        redrive(lakehouse, declared(WITH_EURO), now=NOW)
    assert recompute(lakehouse, declared(WITH_EURO), scratch) == 0
    assert list(differences(lakehouse.open(WITH_EURO), scratch.open(WITH_EURO))) == []
    assert lakehouse.open(WITH_EURO).row_count == (3 if is_redriven else 2)


def test_a_stricter_contract_cannot_repeat_what_was_good(lakehouse: Lakehouse, scratch: Lakehouse) -> None:
    """R4: the records that Silver holds and the current contract refuses are counted, and nothing is compared."""
    assert recompute(lakehouse, declared(STRICT), scratch) == 2


def test_a_redriven_row_that_the_contract_refuses_again_is_counted(lakehouse: Lakehouse, scratch: Lakehouse) -> None:
    """C6: Silver holds it, so the contract of today is the stricter one."""
    redrive(lakehouse, declared(WITH_EURO), now=NOW)
    assert recompute(lakehouse, declared(CUSTOMER_TRANSACTIONS), scratch) == 1


def test_a_full_export_whose_rejection_is_lost_deletes_nothing(
    lakehouse: Lakehouse, scratch: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C5: Silver's transaction says it, also of a release whose commits did not note it."""
    monkeypatch.setattr(Ledger, "rejected_note", lambda *_: {})
    third = "01746230400000-0000000c"
    land(lakehouse, full(TRANSACTIONS, third, AT + 2 * DAY, ["no json"] * 10))
    decide(lakehouse, [Decision(TRANSACTIONS, third, "reject")])
    run_silver(lakehouse)
    shutil.rmtree(lakehouse.uri(DECISIONS))
    assert recompute(lakehouse, declared(CUSTOMER_TRANSACTIONS), scratch) == 0
    assert list(differences(lakehouse.open(CUSTOMER_TRANSACTIONS), scratch.open(CUSTOMER_TRANSACTIONS))) == []
