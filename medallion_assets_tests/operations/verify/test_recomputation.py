"""Recomputation: what counts is the ledger and quarantine as they stand, not what would be decided today."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import narwhals as nw
import pytest

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.recomputation import differences, recompute
from medallion_assets.refining.redrive import redrive
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, NOW, WITH_EURO, declared, lakehouse_at

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
