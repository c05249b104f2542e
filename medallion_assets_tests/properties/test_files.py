"""Rules F1 to F7, R3, R4, K and H: any order and batching of files gives the tables that the oracle computes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.order_lines import ORDER_LINES
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.pipelines.star_schema.products import PRODUCTS
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.refine import refine
from medallion_assets.sources.files.files import Files
from medallion_assets.storage.stores import open_store
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.oracle import files as oracle
from medallion_assets_tests.oracle import shop_tables
from medallion_assets_tests.oracle.file_strategies import arrivals, files
from medallion_assets_tests.oracle.files import FileInput, FileTable
from medallion_assets_tests.properties.examples import examples

NOW = pipeline.NOW
SOURCE = Files(
    pattern="changes-*.csv",
    full_pattern="full-*.csv",
    kind=BatchKind.CHANGES,
    sequence="updated_at",
    delete_flag="deleted",
)
TABLES = dict(zip(shop_tables.SHOP, (CRM_CUSTOMERS, PRODUCTS, ORDERS, ORDER_LINES), strict=True))


class Shop:
    """A folder of a table's files beside a lakehouse."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.folder = folder / "raw" / table.short_name
        self.place = open_store(str(self.folder))
        self.raw_url = str(folder / "raw")
        self.lakehouse = Lakehouse(url=str(folder / "lakehouse"))
        self.loaded = Loaded(table=table, source=SOURCE)
        self.ids: set[str] = set()

    def land(self, file: FileInput) -> FileInput:
        """Write a file as it was last modified then; the same under the id that its batch gets."""
        path = self.folder / file.batch_id.partition("@")[0]
        path.write_text(file.text, encoding="utf-8")
        os.utime(path, (file.modified.timestamp(),) * 2)
        (found,) = (found for found in SOURCE.find(self.place).batches if found.id.startswith(f"{path.name}@"))
        return replace(file, batch_id=found.id)

    def run(self) -> None:
        """Bronze and Silver of what lies there."""
        assert not ingest(self.lakehouse, self.raw_url, self.loaded, now=NOW).refused
        assert refine(self.lakehouse, self.loaded, now=NOW).failing is None

    def check(self, table: FileTable, given: Sequence[FileInput]) -> None:
        """Silver and quarantine hold what the oracle says."""
        contract = self.loaded.table
        if contract.history:
            assert pipeline.rows(self.lakehouse, contract, *contract.key, "valid_from") == oracle.history(given)
        else:
            assert pipeline.rows(self.lakehouse, contract) == oracle.state(table, given)
        bad = {(batch, line, reasons) for batch, _, line, reasons in pipeline.quarantined(self.lakehouse, contract)}
        assert bad == oracle.quarantine(given)


@pytest.mark.parametrize("table", first_quick(*TABLES), ids=lambda table: table.name)
@examples(30)
@given(data=st.data())
def test_any_order_and_batching_gives_the_same_tables(data: st.DataObject, table: FileTable) -> None:
    """F1 to F7: versions of a file replace each other in their folder, and each is read while it lies there."""
    given = data.draw(files(table))
    batches = data.draw(arrivals(given))
    with TemporaryDirectory() as folder:
        shop = Shop(Path(folder), TABLES[table])
        seen: dict[tuple[int, str], FileInput] = {}
        for number, batch in enumerate(batches):
            for file in batch:
                seen[number, file.batch_id.partition("@")[0]] = shop.land(file)  # what lies there when it is read
            shop.run()
        shop.check(table, list(seen.values()))
        rebuild_judged(shop.lakehouse, shop.loaded, why="again", now=NOW)
        shop.check(table, list(seen.values()))
