"""Any files, in any order, in any groups, make the tables that the oracle makes of them (K4, F1 to F7)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.pipelines.star_schema.products import PRODUCTS
from medallion_assets.refining.decisions import Action, Decision, record_decisions
from medallion_assets.refining.load import ingest
from medallion_assets.refining.quarantine import quarantine_table
from medallion_assets.refining.refine import refine
from medallion_assets.sources.files.files import Files
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.oracle import shop_tables
from medallion_assets_tests.oracle.files import FileInput, FileTable, history, quarantine, state
from medallion_assets_tests.pipeline import declared

DAY = datetime(2025, 1, 10, tzinfo=UTC)
SOURCE = Files(
    pattern="changes-*.csv",
    full_pattern="full-*.csv",
    kind=BatchKind.CHANGES,
    sequence="updated_at",
    delete_flag="deleted",
)
NEVER_STOPS = GatePolicy(quality_threshold=0, max_delete_share=1)
VALUES = {
    "product_name": ("Lamp", " Chair ", ""),
    "category": ("Light", "SEAT"),
    "list_price": ("1", "2.5", "1E1", "-1", "dear"),
    "customer_id": ("c1", "c2", ""),
    "status": ("completed", "PENDING", "lost"),
    "ordered_at": ("2025-01-01T10:00:00Z", "2025-01-02T03:00:00+02:00", "yesterday"),
}
LINE = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from([-40, 0, 1, 2, 3, 4, 29, None]),
    st.sampled_from(["", "", "", "n", "true", "odd"]),
)
TABLES = [(ORDERS, shop_tables.ORDERS), (PRODUCTS, shop_tables.PRODUCTS)]
FILE = st.tuples(st.sampled_from(["changes-1", "changes-2", "full-1"]), st.integers(1, 5), st.lists(LINE, max_size=5))
FILES = st.lists(FILE, min_size=1, max_size=5, unique_by=lambda file: file[:2])


def text_of(table: FileTable, lines: Sequence[tuple[Any, ...]], *, is_full: bool) -> str:
    """A CSV file; a full one has no moments and flags."""
    (key, *names) = (field.name for field in table.fields)
    rows = [[key, *names] + ([] if is_full else [table.sequence, str(table.flag)])]
    for of_key, *picks, hour, flag in lines:
        values = [VALUES[name][pick % len(VALUES[name])] for name, pick in zip(names, picks, strict=False)]
        moment = "" if hour is None else (DAY + timedelta(hours=hour)).isoformat()
        rows.append([of_key, *values] + ([] if is_full else [moment, flag]))
    return "".join(",".join(row) + "\n" for row in rows)


def accept(lakehouse: Lakehouse, table: Table, batch_id: str) -> None:
    """A person lets a file in."""
    decision = Decision(
        table_name=table.short_name,
        subject=batch_id,
        action=Action.ACCEPT,
        reason="seen",
        decided_by="ann",
        decided_at=DAY,
    )
    record_decisions(lakehouse, [decision])


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(
    FILES,
    st.randoms(use_true_random=False),
    st.sampled_from([(ORDERS, shop_tables.ORDERS), (PRODUCTS, shop_tables.PRODUCTS)]),
)
def test_files_in_any_order_make_what_the_oracle_makes(
    drawn: list[tuple[str, int, list[tuple[Any, ...]]]], chance: Any, tables: tuple[Table, FileTable]
) -> None:
    table, plain = tables
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lakehouse, given_files = Lakehouse(url=str(folder / "lakehouse")), []
        loaded = declared(table, source=SOURCE, gate=NEVER_STOPS)
        chance.shuffle(drawn)
        for stem, hour, lines in drawn:
            is_full = stem.startswith("full")
            modified, text = DAY + timedelta(hours=hour), text_of(plain, lines, is_full=is_full)
            file = folder / "raw" / table.short_name / f"{stem}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            os.utime(file, (modified.timestamp(), modified.timestamp()))
            (batch_id,) = (
                found.id
                for found in SOURCE.find(open_store(str(file.parent))).batches
                if found.id.startswith(file.name)
            )
            given_files.append(FileInput(plain, batch_id, modified, text, is_full))
            ingest(lakehouse, str(folder / "raw"), loaded, now=DAY)
            if chance.random() < 0.5:
                refine(lakehouse, loaded, now=DAY)
        while (failing := refine(lakehouse, loaded, now=DAY).failing) is not None:  # a full file without a good record
            accept(lakehouse, table, failing.export.id)
        order = [*table.key, "valid_from"] if table.history else list(table.key)
        expected = history(given_files) if table.history else state(plain, given_files)
        rows = lakehouse.open(table).scan().collect().sort(order)
        assert rows.to_dicts() == [{name: row[name] for name in rows.columns} for row in expected]
        bad = lakehouse.open(quarantine_table(table)).scan().collect()
        found = {
            (row["_export_id"], row["_line_number"], frozenset(row["reasons"])) for row in bad.iter_rows(named=True)
        }
        assert found == quarantine(given_files)
