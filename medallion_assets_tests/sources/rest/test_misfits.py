"""Windows that were fetched whole and that the present declaration does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medallion_assets.contracts.declared import Loaded
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.judging.checked_contracts import checked
from medallion_assets.refining.loading.load import Ingested, ingest
from medallion_assets.refining.rebuilding.rebuild_bronze import rebuild_bronze
from medallion_assets.sources.rest.landing import Window
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.sources.rest.test_windows import ENDPOINT, FIRST, NOW, ORDERS, keep

SECOND = Window(FIRST.end, FIRST.end + (FIRST.end - FIRST.begin))
ROW = '{"id": "a", "placed_at": "2025-03-01T09:00:00Z", "total": 1, "updated_at": "2025-03-01T10:00:00Z"}'


def declared(records: str) -> Loaded:
    source = RestWindows(endpoint=replace(ENDPOINT, records=records), sequence="updated_at")
    return Loaded(table=checked(ORDERS), source=source)


@pytest.mark.parametrize("other", ["items", "items.new"])
def test_windows_that_the_declaration_does_not_fit_stop_no_others(tmp_path: Path, other: str) -> None:
    """B2, F1: the API moved its list; what came before waits until a declaration fits it, and a rebuild keeps it."""
    raw_url, lakehouse = str(tmp_path / "raw"), Lakehouse(url=str(tmp_path / "lakehouse"))
    place = open_store(f"{raw_url}/orders")
    keep(place, f'{{"data": [{ROW}]}}')
    moved = f'{{"new": [{ROW}]}}' if other == "items.new" else f"[{ROW}]"
    keep(place, f'{{"items": {moved}}}', window=SECOND)

    def loads(records: str) -> Ingested:
        return ingest(lakehouse, raw_url, declared(records), now=NOW)

    done = loads(other)
    assert [batch.id for batch in done.loaded] == [SECOND.name]
    assert [(refused.export_id, refused.verdict) for refused in done.refused] == [(FIRST.name, "broken_page")]
    assert "correct records in Endpoint(...)" in done.refused[0].message
    assert loads(other).refused == done.refused
    assert [batch.id for batch in loads("data").loaded] == [FIRST.name]
    rebuilt = rebuild_bronze(lakehouse, raw_url, declared(other), why="the list moved", now=NOW)
    assert (rebuilt.kept, rebuilt.exports) == ([FIRST.name], 1)
