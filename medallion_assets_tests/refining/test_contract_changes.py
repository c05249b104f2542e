"""A contract changes under a table with rows: it goes on, needs a rebuild, or is refused (docs/contract_changes.md)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest
from deltalake import DeltaTable

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.contracts.table import Column, Decimal, Table, Text
from medallion_assets.delta.notes.fingerprints import fingerprint, rules_of_rows
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.refining.merging.history_table import events_table
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import customer, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.pipeline import NOW, lakehouse_at, land

pytestmark = pytest.mark.flow

AT = datetime(2025, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, SECOND = "01746057600000-0000000a", "01746144000000-0000000b"
PRESENT = pipeline.CUSTOMER_TRANSACTIONS
COMMAND = "medallion rebuild silver.customer_transactions"
NOTE = Column("note", Text(), "what the shop wrote", source="note", nullable=True)


def with_columns(table: Table, **columns: Column | None) -> Table:
    """The contract with some columns replaced, added (after the key) or, where None, left out."""
    names = {column.name for column in table.columns}
    kept = [columns.get(column.name, column) for column in table.columns]
    added = [column for name, column in columns.items() if name not in names]
    first, *others = [column for column in kept if column is not None]
    return replace(table, columns=(first, *(column for column in added if column is not None), *others))


def renamed(table: Table, old: str, new: str, **changes: Any) -> Table:
    columns = tuple(replace(column, name=new, **changes) if column.name == old else column for column in table.columns)
    rules = tuple(rule for rule in table.expectations if rule.column != old)
    return replace(table, columns=columns, expectations=rules)


def before() -> ExportInput:
    noted = transaction("t1", note={"S": "gift"})
    return full(TRANSACTIONS, FIRST, AT, [item_line(noted), item_line(transaction("t2"))])


def after() -> ExportInput:
    changed = upsert_line(micros(AT) + 5, transaction("t3", note={"S": "late"}))
    return window(TRANSACTIONS, SECOND, AT, AT + DAY, [changed])


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """One export is in by the current contract, and one waits in Bronze."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    land(lakehouse, before())
    refine(lakehouse, pipeline.declared(PRESENT), now=NOW)
    land(lakehouse, after())
    return lakehouse


def from_the_start(folder: Path, table: Table) -> list[dict[str, Any]]:
    fresh = lakehouse_at(folder / "fresh")
    for export in (before(), after()):
        land(fresh, export)
    refine(fresh, pipeline.declared(table), now=NOW)
    return pipeline.rows(fresh, table)


def rebuild(lakehouse: Lakehouse, table: Table) -> None:
    rebuild_judged(lakehouse, pipeline.declared(table), why="the contract has changed", now=NOW)


def check_rebuilt(lakehouse: Lakehouse, table: Table, folder: Path) -> None:
    """The rebuild makes what a new lakehouse would hold, in the same table, and refining goes on."""
    table_id = lakehouse.open_any(table).table_id
    rebuild(lakehouse, table)
    refine(lakehouse, pipeline.declared(table), now=NOW)
    assert pipeline.rows(lakehouse, table) == from_the_start(folder, table)
    assert lakehouse.open(table).table_id == table_id
    held = {field.name for field in DeltaTable(lakehouse.uri(table)).schema().fields}
    assert held == set(table.column_names)


def test_an_added_column_that_may_be_null_goes_on_by_itself(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """Older rows hold null in it until a rebuild, which is said."""
    table = with_columns(PRESENT, note=NOTE)
    refine(lakehouse, pipeline.declared(table), now=NOW)
    assert [row["note"] for row in pipeline.rows(lakehouse, table)] == [None, None, "late"]
    assert rules_of_rows(lakehouse.open(table)) == sorted(
        [fingerprint(pipeline.declared(PRESENT)), fingerprint(pipeline.declared(table))]
    )
    check_rebuilt(lakehouse, table, tmp_path)
    assert [row["note"] for row in pipeline.rows(lakehouse, table)] == ["gift", None, "late"]


def test_a_widened_decimal_needs_a_rebuild(lakehouse: Lakehouse, tmp_path: Path) -> None:
    table = with_columns(PRESENT, amount=replace(PRESENT.column("amount"), type=Decimal(20, 4)))
    with pytest.raises(PermanentError, match=rf"column amount has another type.*{COMMAND}"):
        refine(lakehouse, pipeline.declared(table), now=NOW)
    check_rebuilt(lakehouse, table, tmp_path)


def test_a_required_column_that_is_renamed_needs_a_rebuild(lakehouse: Lakehouse, tmp_path: Path) -> None:
    table = renamed(PRESENT, "quantity", "units")
    with pytest.raises(PermanentError, match=rf"has rows without units, which the contract requires.*{COMMAND}"):
        refine(lakehouse, pipeline.declared(table), now=NOW)
    check_rebuilt(lakehouse, table, tmp_path)


def test_a_column_that_may_be_null_and_is_renamed_goes_on(lakehouse: Lakehouse, tmp_path: Path) -> None:
    table = renamed(PRESENT, "payment_method", "paid_by")
    refine(lakehouse, pipeline.declared(table), now=NOW)
    assert [row["paid_by"] is None for row in pipeline.rows(lakehouse, table)] == [True, True, False]
    check_rebuilt(lakehouse, table, tmp_path)


def test_a_column_that_is_left_out_goes_on(lakehouse: Lakehouse, tmp_path: Path) -> None:
    table = with_columns(PRESENT, payment_method=None)
    table = replace(table, expectations=tuple(rule for rule in table.expectations if rule.column != "payment_method"))
    refine(lakehouse, pipeline.declared(table), now=NOW)
    assert [row["transaction_id"] for row in pipeline.rows(lakehouse, table)] == ["t1", "t2", "t3"]
    check_rebuilt(lakehouse, table, tmp_path)


def test_another_key_needs_a_rebuild(lakehouse: Lakehouse) -> None:
    table = replace(PRESENT, key=("transaction_id", "customer_id"))
    with pytest.raises(PermanentError, match=rf"have another key.*transaction_id, customer_id.*{COMMAND}"):
        refine(lakehouse, pipeline.declared(table), now=NOW)
    rebuild(lakehouse, table)
    assert len(pipeline.rows(lakehouse, table)) == 2


def test_another_partition_is_refused(lakehouse: Lakehouse) -> None:
    """Nothing makes one table of two: the contract goes back."""
    table = with_columns(PRESENT, paid_date=replace(PRESENT.column("transaction_date"), name="paid_date"))
    table = replace(table, partition_by="paid_date")
    for attempt in (lambda: refine(lakehouse, pipeline.declared(table), now=NOW), lambda: rebuild(lakehouse, table)):
        with pytest.raises(
            PermanentError,
            match="expected: partitioned by transaction_date; found: partitioned by paid_date in the contract; "
            "what to do: restore partition_by",
        ):
            attempt()
    assert [row["transaction_id"] for row in pipeline.rows(lakehouse, PRESENT)] == ["t1", "t2"]


def test_a_history_changes_its_columns_with_its_events(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    land(lakehouse, full(CUSTOMERS, FIRST, AT, [item_line(customer("c1", note={"S": "vip"}))]))
    refine(lakehouse, pipeline.declared(pipeline.CUSTOMERS), now=NOW)
    table = with_columns(pipeline.CUSTOMERS, note=replace(NOTE, nullable=False))
    with pytest.raises(PermanentError, match="has rows without note"):
        refine(lakehouse, pipeline.declared(table), now=NOW)
    rebuild(lakehouse, table)
    assert [row["note"] for row in pipeline.rows(lakehouse, table, "customer_id")] == ["vip"]
    moved = upsert_line(micros(AT) + 5, customer("c1", note={"S": "gone"}, region={"S": "east"}))
    land(lakehouse, window(CUSTOMERS, SECOND, AT, AT + DAY, [moved]))
    refine(lakehouse, pipeline.declared(table), now=NOW)
    assert [row["note"] for row in pipeline.rows(lakehouse, table, "valid_from")] == ["vip", "gone"]


def test_a_rebuild_to_other_columns_says_which_rows_differ(lakehouse: Lakehouse) -> None:
    """A wider type alone changes no row that readers see."""
    wider = with_columns(PRESENT, amount=replace(PRESENT.column("amount"), type=Decimal(20, 4)))
    done = rebuild_judged(lakehouse, pipeline.declared(wider), why="wider", now=NOW)
    assert not done.changes.any
    noted = with_columns(wider, note=NOTE)
    done = rebuild_judged(lakehouse, pipeline.declared(noted), why="notes", now=NOW)
    assert (done.changes.changed, done.changes.restated) == (1, {date(2025, 3, 7)})


@pytest.mark.parametrize("is_history", [False, True])
def test_a_contract_that_changes_between_quarantine_and_silver_loses_no_row(
    tmp_path: Path, *, is_history: bool
) -> None:
    """C6: a run is cut off between the two commits, and a stricter contract is deployed before the next."""
    name = CUSTOMERS if is_history else TRANSACTIONS
    loose = pipeline.CUSTOMERS if is_history else PRESENT
    column = "region" if is_history else "status"
    strict = replace(loose, expectations=(*loose.expectations, expect_or_drop("no_more", nw.col(column) != "pending")))
    make = customer if is_history else transaction
    bad = {"email": {"N": "1"}} if is_history else {"currency": {"S": "EUR"}}
    items = [make("k1"), make("k2", **{column: {"S": "pending"}}), make("k3", **bad)]
    export = full(name, FIRST, AT, [item_line(item) for item in items])
    lakehouse, fresh = lakehouse_at(tmp_path / "cut"), lakehouse_at(tmp_path / "fresh")
    for lake in (lakehouse, fresh):
        land(lake, export)
    with pytest.MonkeyPatch.context() as crash:
        crash.setattr("medallion_assets.refining.refine.commit_change", _crash)
        with pytest.raises(RuntimeError):
            refine(lakehouse, pipeline.declared(loose), now=NOW)
    for lake in (lakehouse, fresh):
        refine(lake, pipeline.declared(strict), now=NOW)
    assert pipeline.rows(lakehouse, strict, strict.key[0]) == pipeline.rows(fresh, strict, strict.key[0])
    assert pipeline.quarantined(lakehouse, strict) == pipeline.quarantined(fresh, strict)
    assert len(pipeline.quarantined(lakehouse, strict)) == 2
    if is_history:
        logged = pipeline.rows(lakehouse, events_table(strict), *strict.key)
        assert logged == pipeline.rows(fresh, events_table(strict), *strict.key)


def _crash(*_arguments: object) -> None:
    raise RuntimeError
