"""A table that was made anew begins a new chain; what the former one wrote after that does not count (rule B3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.explain.explanation import explain
from medallion_assets.operations.exports.chain_warnings import chain_warnings
from medallion_assets.operations.exports.ledgers import read_ledgers
from medallion_assets.operations.verify.recomputation import differences, recompute
from medallion_assets.refining.bronze import bronze_table, origins_since
from medallion_assets.refining.ledger import origins
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction, read_decisions, record_decisions
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets.refining.ledger.origins import Origins
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.delta.older_copies import OlderCopy
from medallion_assets_tests.oracle.lines import (
    customer,
    delete_line,
    full,
    item_line,
    key_of,
    transaction,
    upsert_line,
    window,
)
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.refining.planting import AT, HOUR, MINUTE, export_id, lake, live

pytestmark = pytest.mark.flow

OLD, NEW = "table-old", "table-new"
SALES, PEOPLE = pipeline.CUSTOMER_TRANSACTIONS, pipeline.CUSTOMERS
ONE, TWO, THREE = (micros(AT + hours * HOUR) for hours in (1, 2, 3))


def planted(table: str) -> dict[str, tuple[ExportInput, str]]:
    """The exports of a table that was made anew about two hours after AT, and the table id of each.

    Of the former table comes one window that reaches far beyond, and a full export taken after the new one's.
    """

    def item(key: str, mark: str) -> dict[str, Any]:
        if table == CUSTOMERS:
            return customer(key, customer_name={"S": mark})
        return transaction(key, status={"S": mark})

    old_full = [item_line(item("a", "pending")), item_line(item("b", "pending"))]
    old_window = [
        upsert_line(ONE, item("a", "cancelled")),
        upsert_line(THREE, item("b", "cancelled")),
        upsert_line(THREE, item("c", "cancelled")),
    ]
    new_full = [item_line(item("a", "completed")), item_line(item("d", "completed"))]
    new_window = [upsert_line(TWO + 1, item("e", "completed")), delete_line(TWO + 2, key_of(item("d", "completed")))]
    return {
        "old full": (full(table, export_id(1), AT, old_full), OLD),
        "old window": (window(table, export_id(2), AT, AT + 4 * HOUR, old_window), OLD),
        "late old full": (full(table, export_id(3), AT + 5 * HOUR, [item_line(item("z", "pending"))]), OLD),
        "new full": (full(table, export_id(4), AT + 2 * HOUR, new_full), NEW),
        "new window": (window(table, export_id(5), AT + 2 * HOUR - MINUTE, AT + 3 * HOUR, new_window), NEW),
    }


SAID = "of the table before: written after the new table's full export (B3)"
ORDERS = [
    ("old full", "old window", "late old full", "new full", "new window"),
    ("new window", "new full", "late old full", "old window", "old full"),
    ("old full", "new window", "new full", "old window", "late old full"),
    ("new full", "old full", "new window", "late old full", "old window"),
    ("late old full", "new full", "old window", "new window", "old full"),
]
BY_ORDER = [
    pytest.param(order, id=" < ".join(order), marks=[pytest.mark.slow] if number > 1 else [])
    for number, order in enumerate(ORDERS)
]
"""The order of the exports and its reverse are quick."""


def confirm(lakehouse: Lakehouse, table: str) -> None:
    decision = Decision(
        table_name=table,
        subject=NEW,
        action=DecisionAction.CONFIRM_TABLE,
        reason="restored",
        decided_by="tester",
        decided_at=pipeline.NOW,
    )
    record_decisions(lakehouse, [decision])


def land(lakehouse: Lakehouse, table: str, *names: str) -> Refined:
    """Land some exports one after the other; each is refined before the next comes."""
    done = Refined()
    for name in names:
        export, table_id = planted(table)[name]
        pipeline.land(lakehouse, export, table_id=table_id)
        done = refine(lakehouse, pipeline.declared(SALES if table == TRANSACTIONS else PEOPLE), now=pipeline.NOW)
    return done


@pytest.mark.parametrize("order", BY_ORDER)
def test_the_new_table_decides_whatever_comes_first(tmp_path: Path, order: tuple[str, ...]) -> None:
    """B3, K4: what the new full export lacks is deleted as of its S; nothing later of the former table counts."""
    lakehouse = lake(tmp_path)
    confirm(lakehouse, TRANSACTIONS)
    done = land(lakehouse, TRANSACTIONS, *order)
    assert done.gaps == []
    assert live(lakehouse) == {"a": export_id(4), "e": export_id(5)}
    rows = pipeline.rows(lakehouse, SALES)
    assert [row["status"] for row in rows if not row["is_deleted"]] == ["completed", "completed"]
    sure = micros(AT + 2 * HOUR - MINUTE)
    assert {row["transaction_id"]: (row["_sequence_micros"], row["_export_id"]) for row in rows} == {
        **dict.fromkeys("abcz", (sure, export_id(4))),
        "d": (TWO + 2, export_id(5)),
        "e": (TWO + 1, export_id(5)),
    }


@pytest.mark.parametrize("order", first_quick(*BY_ORDER))
def test_history_ends_the_former_tables_states(tmp_path: Path, order: tuple[str, ...]) -> None:
    """B3, H1: versions of before the new full export's S stay, and no later one of the former table is there."""
    lakehouse = lake(tmp_path)
    confirm(lakehouse, CUSTOMERS)
    land(lakehouse, CUSTOMERS, *order)
    rows = pipeline.rows(lakehouse, PEOPLE)
    found = [(row["customer_id"], row["customer_name"], row["is_current"]) for row in rows]
    assert sorted(found) == [
        ("a", "cancelled", False),
        ("a", "completed", True),
        ("a", "pending", False),
        ("b", "pending", False),
        ("d", "completed", False),
        ("e", "completed", True),
    ]


def test_windows_of_the_new_table_wait_for_its_full_export(tmp_path: Path) -> None:
    """B3: however far the former chain reaches."""
    lakehouse = lake(tmp_path)
    confirm(lakehouse, TRANSACTIONS)
    done = land(lakehouse, TRANSACTIONS, "old full", "old window", "new window")
    assert [(gap.batch_id, gap.covered_until) for gap in done.gaps] == [(export_id(5), None)]
    assert live(lakehouse) == {"a": export_id(2), "b": export_id(2), "c": export_id(2)}


@pytest.mark.parametrize("table", [pytest.param(TRANSACTIONS, marks=pytest.mark.slow), CUSTOMERS])
def test_recomputing_and_explaining_agree(tmp_path: Path, table: str) -> None:
    """C6: what Silver holds is what its Bronze gives, and a record of the former table says why it is in no version."""
    lakehouse, contract = lake(tmp_path / "lake"), SALES if table == TRANSACTIONS else PEOPLE
    confirm(lakehouse, table)
    land(lakehouse, table, *ORDERS[0])
    scratch = lake(tmp_path / "scratch")
    assert recompute(lakehouse, pipeline.declared(contract), scratch) == 0
    assert list(differences(lakehouse.open(contract), scratch.open(contract))) == []
    for key in "abcdez":
        assert explain(lakehouse, pipeline.declared(contract), key).disagreements == []
    said = [record.detail for record in explain(lakehouse, pipeline.declared(contract), "c").records]
    assert (SAID in said) == contract.history


def test_exports_that_do_not_count_are_named(tmp_path: Path) -> None:
    """B3: those of the former table that begin after its end, until the new one's full export is rejected."""
    lakehouse = lake(tmp_path)
    confirm(lakehouse, TRANSACTIONS)
    land(lakehouse, TRANSACTIONS, *ORDERS[0])
    (told,) = chain_warnings(read_ledgers(replace(lakehouse, catalog=CATALOG)))
    assert f"1 export of a former table is ignored, the latest {export_id(3)}" in told.what
    assert str(told) == f"{told.table}: {told.what}"


def test_the_log_of_bronze_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then what came since; an older version hears of nothing later."""
    lakehouse = lake(tmp_path)
    confirm(lakehouse, TRANSACTIONS)
    land(lakehouse, TRANSACTIONS, "old full", "new full")
    table, decisions = bronze_table(TRANSACTIONS), read_decisions(lakehouse, TRANSACTIONS)
    older = lakehouse.open(table)
    Origins.read(older, decisions)
    land(lakehouse, TRANSACTIONS, "new window")
    read: list[int] = []

    def counted(bronze: Any, version: int) -> Any:
        read.append(version)
        return origins_since(bronze, version)

    monkeypatch.setattr(origins, "origins_since", counted)
    assert Origins.read(lakehouse.open(table), decisions).numbers == {export_id(4): 1, export_id(5): 1}
    assert -1 not in read
    assert Origins.read(older, decisions).numbers == {export_id(4): 1}


def test_a_bronze_that_was_put_back_is_read_again(tmp_path: Path) -> None:
    """It has reached the same version again, and one more, with other exports."""
    lakehouse = lake(tmp_path)
    confirm(lakehouse, TRANSACTIONS)
    table, decisions = bronze_table(TRANSACTIONS), read_decisions(lakehouse, TRANSACTIONS)
    plan = planted(TRANSACTIONS)
    pipeline.land(lakehouse, plan["old full"][0], table_id=OLD)
    copy = OlderCopy(lakehouse, table)
    pipeline.land(lakehouse, plan["old window"][0], table_id=OLD)
    assert Origins.read(lakehouse.open(table), decisions).numbers == {}
    copy.put_back()
    for name in ("new full", "new window"):
        pipeline.land(lakehouse, plan[name][0], table_id=NEW)
    assert Origins.read(lakehouse.open(table), decisions).numbers == {export_id(4): 1, export_id(5): 1}


def test_without_a_confirmed_table_every_export_is_of_one_origin(tmp_path: Path) -> None:
    lakehouse = lake(tmp_path)
    land(lakehouse, TRANSACTIONS, "old full")
    bronze, silver = lakehouse.open(bronze_table(TRANSACTIONS)), lakehouse.open(SALES)
    ledger = Ledger.read(pipeline.declared(SALES), bronze, silver)
    assert (ledger.origins.count, ledger.ends) == (1, {})


def land_bad(lakehouse: Lakehouse, ended: datetime = AT + 2 * HOUR) -> None:
    """The new table's first full export, in which b is bad."""
    lines = [item_line(transaction("b", amount={"N": "-1"})), item_line(transaction("d"))]
    pipeline.land(lakehouse, full(TRANSACTIONS, export_id(4), ended, lines), table_id=NEW)


def disagreements(lakehouse: Lakehouse, scratch: Lakehouse) -> tuple[int, int]:
    """How many partitions recomputing finds to be other than they are, and what explain finds wrong with b."""
    recompute(lakehouse, pipeline.declared(SALES), scratch)
    found = list(differences(lakehouse.open(SALES), scratch.open(SALES)))
    return len(found), len(explain(lakehouse, pipeline.declared(SALES), "b").disagreements)


def test_a_key_that_is_bad_in_the_new_full_export_keeps_its_counted_state(tmp_path: Path) -> None:
    """B3, K1: untouched means as of the former table's end, when nothing later had come in before."""
    lakehouse = lake(tmp_path / "lake")
    confirm(lakehouse, TRANSACTIONS)
    land(lakehouse, TRANSACTIONS, "old full")
    land_bad(lakehouse)
    land(lakehouse, TRANSACTIONS, "old window")
    assert live(lakehouse) == {"b": export_id(1), "d": export_id(4)}
    assert disagreements(lakehouse, lake(tmp_path / "scratch")) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "hours",
    [
        pytest.param(2, id="within the old window"),
        pytest.param(4.01, id="after the old window", marks=pytest.mark.slow),
    ],
)
def test_where_something_later_had_come_in_before_it_is_named_and_a_rebuild_mends_it(
    tmp_path: Path, hours: float
) -> None:
    """B3: whichever of the old window and the new full export is judged first."""
    lakehouse = lake(tmp_path / "lake")
    confirm(lakehouse, TRANSACTIONS)
    land(lakehouse, TRANSACTIONS, "old full")
    at_the_end = [upsert_line(micros(AT + 4 * HOUR), transaction("b", status={"S": "cancelled"}))]
    pipeline.land(lakehouse, window(TRANSACTIONS, export_id(2), AT, AT + 4 * HOUR, at_the_end), table_id=OLD)
    refine(lakehouse, pipeline.declared(SALES), now=pipeline.NOW)
    land_bad(lakehouse, AT + hours * HOUR)
    refine(lakehouse, pipeline.declared(SALES), now=pipeline.NOW)
    wrong, unexplained = disagreements(lakehouse, lake(tmp_path / "scratch"))
    assert (wrong, unexplained > 0) == (1, True)
    rebuild_judged(lakehouse, pipeline.declared(SALES), why="b", now=pipeline.NOW)
    assert live(lakehouse) == {"b": export_id(1), "d": export_id(4)}
    assert disagreements(lakehouse, lake(tmp_path / "again")) == (0, 0)
