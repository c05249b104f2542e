"""A condition that raises on some record: the error names it, and the export, which can be rejected (rules R4, C4)."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest

from medallion_assets.contracts.expectations import expect, expect_or_drop
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.refining.judging.failing_conditions import judge_by_name
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined
from medallion_assets.refining.typing.decode import decode
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import item_line, transaction, upsert_line
from medallion_assets_tests.oracle.model import TRANSACTIONS, Decision
from medallion_assets_tests.refining.planting import AT, AT_MICROS, HOUR, full_of, lake, live, window_of
from medallion_assets_tests.refining.typing.decoding import VISITS, bronze, item

CODE = nw.col("product_id")
NUMBERED = replace(
    pipeline.CUSTOMER_TRANSACTIONS,
    expectations=(
        expect("paid", nw.col("amount") > 0, "amount"),
        expect_or_drop("code_high", CODE.cast(nw.Int64) > 5, "product_id"),
    ),
)
AS_ADVISED = replace(
    NUMBERED,
    expectations=(expect_or_drop("code_high", nw.when(CODE.str.contains(r"^\d+$")).then(CODE).cast(nw.Int64) > 5),),
)
GOOD = full_of(1, item_line(transaction("a", product_id={"S": "7"})))
ODD = window_of(2, upsert_line(AT_MICROS, transaction("b", product_id={"S": "12a"})))
AFTER = window_of(3, upsert_line(AT_MICROS, transaction("c", product_id={"S": "8"})), begin=AT + HOUR)


def refined(lakehouse: Lakehouse, table: Table = NUMBERED) -> Refined:
    return refine(lakehouse, pipeline.declared(table), now=pipeline.NOW)


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    made = lake(tmp_path)
    for export in (GOOD, ODD, AFTER):
        pipeline.land(made, export)
    return made


def test_the_error_names_the_expectation_and_the_export(lakehouse: Lakehouse) -> None:
    """Of a group of two."""
    with pytest.raises(PermanentError) as raised:
        refined(lakehouse)
    error = raised.value
    assert error.headline == f"silver.customer_transactions: expectation code_high failed on export {ODD.export_id}"
    assert "12a" in str(error.found)
    assert "reject the export" in str(error.do)
    assert error.export_id == ODD.export_id
    assert live(lakehouse) == {"a": GOOD.export_id}


def test_the_condition_that_the_error_advises_judges_the_export(lakehouse: Lakehouse) -> None:
    """R4: null is met."""
    assert [counted.bad for counted in refined(lakehouse, AS_ADVISED).applied] == [0, 0, 0]


def test_rejecting_the_export_helps(lakehouse: Lakehouse) -> None:
    """C4: what a person rejected is not judged, alone or beside another."""
    pipeline.decide(lakehouse, [Decision(TRANSACTIONS, ODD.export_id, "reject")])
    done = refined(lakehouse)
    assert ([counted.export_id for counted in done.applied], done.rejected) == (
        [GOOD.export_id, AFTER.export_id],
        [ODD.export_id],
    )
    assert live(lakehouse) == {"a": GOOD.export_id, "c": AFTER.export_id}


def test_an_export_that_is_rejected_alone_is_settled(tmp_path: Path) -> None:
    lakehouse = lake(tmp_path)
    pipeline.land(lakehouse, GOOD)
    refined(lakehouse)
    pipeline.land(lakehouse, ODD)
    pipeline.decide(lakehouse, [Decision(TRANSACTIONS, ODD.export_id, "reject")])
    assert refined(lakehouse).rejected == [ODD.export_id]
    assert refined(lakehouse).rejected == []


def test_every_export_on_which_it_fails_is_named() -> None:
    odd = expect("note_high", nw.col("note").cast(nw.Int64) > 5)
    table = pipeline.declared(replace(VISITS, expectations=(odd,)))
    batches = [bronze(item()).with_columns(_export_id=pl.lit(name)) for name in ("e1", "e2")]
    with pytest.raises(PermanentError, match="note_high failed on export e1, e2") as raised:
        judge_by_name(decode(pl.concat(batches), table.table, table.source), table)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.export_id) == (str(raised.value), None)


def test_what_no_condition_raises_alone_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that was full for a moment."""

    def fails_once(*_: object) -> pl.DataFrame:
        monkeypatch.undo()
        raise OSError("no space left on device")

    monkeypatch.setattr("medallion_assets.refining.judging.failing_conditions.judge", fails_once)
    table = pipeline.declared(replace(VISITS, expectations=(expect("dear", nw.col("price") > 0),)))
    with pytest.raises(OSError, match="no space left") as raised:
        judge_by_name(decode(bronze(item()), table.table, table.source), table)
    assert raised.value.__cause__ is None  # whoever follows the causes comes to an end


def test_memory_that_runs_out_is_no_fault_of_a_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks_memory(*_: object) -> pl.DataFrame:
        raise MemoryError

    monkeypatch.setattr("medallion_assets.refining.judging.failing_conditions.judge", lacks_memory)
    table = pipeline.declared(replace(VISITS, expectations=(expect("dear", nw.col("price") > 0),)))
    with pytest.raises(MemoryError):
        judge_by_name(decode(bronze(item()), table.table, table.source), table)
