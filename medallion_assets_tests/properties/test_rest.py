"""Rules F1 to F6, C1, K and H: any order of windows of an API gives the tables that the oracle computes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.refine import refine
from medallion_assets.sources.rest.endpoint import ByNumber, Endpoint
from medallion_assets.sources.rest.landing import LandedPage, Window, page_key
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.oracle import files as oracle
from medallion_assets_tests.oracle import shop_tables
from medallion_assets_tests.oracle.file_strategies import HOURS, hour, lines
from medallion_assets_tests.oracle.files import FileTable
from medallion_assets_tests.oracle.windows import WindowInput, joined
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.properties.test_files import TABLES

NOW = pipeline.NOW
STARTS_AT = hour(0)
SOURCE = RestWindows(
    endpoint=Endpoint(
        url="http://127.0.0.1:1/nobody",
        records="data",
        pages=ByNumber(),
        from_parameter="since",
        to_parameter="until",
        starts_at=STARTS_AT,
    ),
    sequence="updated_at",
    delete_flag="deleted",
)


@st.composite
def records(draw: st.DrawFn, table: FileTable) -> dict[str, Any]:
    """A line as JSON spells it: what is absent is null or not there, and some texts are of other kinds."""
    found: dict[str, Any] = {}
    for name, text in draw(lines(table)).items():
        if text:
            found[name] = draw(st.sampled_from((text, {"true": True, "false": False, "1": 1, "3": 3}.get(text, text))))
        elif draw(st.booleans()):
            found[name] = None
    return found


@st.composite
def windows(draw: st.DrawFn, table: FileTable) -> list[WindowInput]:
    """Windows that join up, overlap or leave a hole; a record may lie in several, and twice in one."""
    slots = draw(st.lists(st.tuples(st.integers(0, HOURS), st.integers(1, 6)), min_size=1, max_size=4, unique=True))
    some = draw(st.lists(records(table), min_size=1, max_size=5))
    pages = st.lists(st.lists(st.sampled_from(some), max_size=3).map(tuple), max_size=3).map(tuple)
    begins = [(0, draw(st.integers(1, 6))), *slots]
    return [WindowInput(table, hour(begin), hour(begin + length), draw(pages)) for begin, length in {*begins}]


class Shop:
    """The raw place of a table beside a lakehouse."""

    def __init__(self, folder: Path, table: FileTable) -> None:
        self.table, self.raw_url = table, str(folder / "raw")
        self.loaded = Loaded(table=TABLES[table], source=SOURCE)
        self.place = open_store(f"{self.raw_url}/{self.loaded.table.short_name}")
        self.lakehouse = Lakehouse(url=str(folder / "lakehouse"))

    def land(self, window: WindowInput) -> None:
        """Write a window as a fetch does, over what lies there of it."""
        kept, pages = Window(window.begin, window.end), []
        for number, page in enumerate(window.pages, 1):
            body = json.dumps({"data": page}).encode()
            digest = hashlib.sha256(body).hexdigest()
            pages.append(LandedPage(key=page_key(kept, number, digest), sha256=digest, records=len(page)))
            write_bytes(self.place, pages[-1].key, body)
        listed = [{"key": page.key, "sha256": page.sha256, "records": page.records} for page in pages]
        write_bytes(self.place, f"{kept.folder}/summary.json", json.dumps({"pages": listed}).encode())

    def run(self) -> None:
        """Bronze and Silver of what lies there."""
        assert not ingest(self.lakehouse, self.raw_url, self.loaded, now=NOW).refused
        assert refine(self.lakehouse, self.loaded, now=NOW).failing is None

    def check(self, loaded: Sequence[WindowInput]) -> None:
        """Silver and quarantine hold what the oracle says of the windows that were loaded."""
        contract, files = self.loaded.table, joined(loaded, STARTS_AT)
        if contract.history:
            assert pipeline.rows(self.lakehouse, contract, *contract.key, "valid_from") == oracle.history(files)
        else:
            assert pipeline.rows(self.lakehouse, contract) == oracle.state(self.table, files)
        bad = {
            (batch, _line(loaded, batch, file, line), reasons)
            for batch, file, line, reasons in pipeline.quarantined(self.lakehouse, contract)
        }
        assert bad == oracle.quarantine(files)


def _line(windows: Sequence[WindowInput], batch: str, file: str, line: int) -> int:
    """Which of a window's records one is, counted over its pages."""
    (window,) = (window for window in windows if window.batch_id == batch)
    before = int(file.rpartition("/page-")[2][:5]) - 1
    return sum(map(len, window.pages[:before])) + line


@pytest.mark.parametrize(
    "table", first_quick(shop_tables.CRM_CUSTOMERS, shop_tables.ORDER_LINES), ids=lambda table: table.name
)
@examples(30)
@given(data=st.data())
def test_any_order_of_windows_gives_the_same_tables(data: st.DataObject, table: FileTable) -> None:
    """A window counts once, as it lay there when it was loaded: fetched again, it changes nothing after that."""
    given = data.draw(windows(table))
    arrivals = data.draw(st.permutations([*given, *data.draw(st.lists(st.sampled_from(given), max_size=2))]))
    with TemporaryDirectory() as folder:
        shop, loaded, lying = Shop(Path(folder), table), dict[str, WindowInput](), dict[str, WindowInput]()
        for window in arrivals:
            again = WindowInput(table, window.begin, window.end, tuple(reversed(window.pages)))
            landed = again if window.batch_id in lying else window
            shop.land(landed)
            lying[window.batch_id] = landed
            if data.draw(st.booleans()):
                shop.run()
                loaded = {**lying, **loaded}
        shop.run()
        loaded = {**lying, **loaded}
        shop.check(list(loaded.values()))
        rebuild_judged(shop.lakehouse, shop.loaded, why="again", now=NOW)
        shop.check(list(loaded.values()))
