"""What is not loaded at first comes in later: once its files change, or a person confirms its table (rules B2, B3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import obstore
import pytest

from medallion_assets.errors import TransientError
from medallion_assets.refining.bronze import bronze_table, latest_origin
from medallion_assets.refining.loading import load as module
from medallion_assets.refining.loading.refused_batches import EXPORT_VERDICTS, read_refusals
from medallion_assets.sources.dynamodb_export import exports as exports_module
from medallion_assets.sources.dynamodb_export.manifest import SUMMARY_NAME, Export
from medallion_assets.storage.stores import read_bytes, write_bytes
from medallion_assets_tests.refining.landing import AT, HOUR, NOW, TABLE, Landing, confirm, ids
from medallion_assets_tests.sources.dynamodb_export.planted_exports import change_data, key_of

OLD_ID, NEW_ID = "table-one", "table-two"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The ids of the exports that ingest reads."""
    seen: list[str] = []
    read: Callable[..., Export] = exports_module.read_export

    def counted(store: Any, found: Any) -> Export:
        seen.append(found.id)
        return read(store, found)

    monkeypatch.setattr(exports_module, "read_export", counted)
    return seen


def test_a_refused_export_is_read_again_only_when_its_listing_changed(landing: Landing, reads: list[str]) -> None:
    """B2: a data file that lands late makes the export load; until then nobody reads it twice."""
    export = landing.window("a")
    data = read_bytes(landing.store, export.files[0].key)
    assert data is not None
    obstore.delete(landing.store, export.files[0].key)
    first = landing.ingest()
    again = landing.ingest(NOW + HOUR)
    assert [refused.verdict for refused in first.refused] == ["data_file_missing"]
    assert again.refused == first.refused
    assert reads == ids(export)
    assert landing.lakehouse.open(EXPORT_VERDICTS).row_count == 1

    write_bytes(landing.store, export.files[0].key, data)
    late = landing.ingest(NOW + 2 * HOUR)
    assert [batch.id for batch in late.loaded] == ids(export)
    assert (late.refused, reads) == ([], ids(export, export))


def test_a_manifest_that_lands_late_makes_the_export_load(landing: Landing) -> None:
    """B2: an export without its summary waits, and is no refusal."""
    export = landing.full("a")
    key = key_of(export, SUMMARY_NAME)
    summary = read_bytes(landing.store, key)
    assert summary is not None
    obstore.delete(landing.store, key)
    assert landing.ingest().waiting == ids(export)
    write_bytes(landing.store, key, summary)
    assert [batch.id for batch in landing.ingest().loaded] == ids(export)


def test_a_table_made_anew_stops_loading_until_a_person_confirms_it(landing: Landing) -> None:
    """B3: the tableId changed; nothing after it is loaded; the error says what to do."""
    old = landing.full("a", table_id=OLD_ID)
    new = landing.full("b", at=AT + HOUR, table_id=NEW_ID)
    later = landing.window("c", begin=AT + HOUR, table_id=NEW_ID)
    stopped = landing.ingest()
    assert [batch.id for batch in stopped.loaded] == ids(old)
    assert [(refused.export_id, refused.verdict) for refused in stopped.refused] == [(new.export_id, "table_recreated")]
    (refused,) = stopped.refused
    assert f"confirm_table_id: {NEW_ID}" in refused.message
    assert refused.what is not None
    assert refused.message.startswith(f"{refused.what}; expected: "), "what is kept says where"
    assert landing.ingest().loaded == []

    confirm(landing, NEW_ID)
    assert [batch.id for batch in landing.ingest().loaded] == ids(new, later)


def test_a_confirmed_table_begins_with_a_full_export_even_behind_its_windows(landing: Landing) -> None:
    """B3: windows of the new table wait for its full export and do not stop it."""
    landing.full("a", table_id=OLD_ID)
    window = landing.window("b", begin=AT, table_id=NEW_ID)
    confirm(landing, NEW_ID)
    waiting = landing.ingest()
    assert [(refused.export_id, refused.verdict) for refused in waiting.refused] == [
        (window.export_id, "full_export_missing")
    ]
    assert "make a full export of the new table" in waiting.refused[0].message
    begin = landing.full("b", at=AT + 2 * HOUR, table_id=NEW_ID)
    assert [batch.id for batch in landing.ingest().loaded] == ids(begin)
    assert [batch.id for batch in landing.ingest().loaded] == ids(window)


def test_a_late_export_of_the_table_before_stops_nothing(landing: Landing) -> None:
    """B3: once the new table is confirmed, what the old one exported is old, not new again."""
    landing.full("a", table_id=OLD_ID)
    new = landing.full("b", at=AT + 3 * HOUR, table_id=NEW_ID)
    confirm(landing, NEW_ID)
    landing.ingest()
    late = landing.window("a", begin=AT, table_id=OLD_ID)
    next_one = landing.window("c", begin=AT + 3 * HOUR, table_id=NEW_ID)
    assert [batch.id for batch in landing.ingest().loaded] == ids(late, next_one)
    assert latest_origin(landing.lakehouse.open(bronze_table(TABLE))) == (next_one.export_id, NEW_ID)
    assert next_one.export_id != new.export_id


def test_a_verdict_is_kept_when_the_storage_fails_later(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """B2: what was judged before a failure is not judged again; what was loaded stays."""
    bad, good = landing.full("x"), landing.full("a", at=AT + HOUR)
    change_data(landing.store, bad, 1, b"no gzip")
    load = module.load_batch

    def fails(*_: Any, **__: Any) -> None:
        raise TransientError("the storage failed")

    monkeypatch.setattr(module, "load_batch", fails)
    with pytest.raises(TransientError):
        landing.ingest()
    assert set(read_refusals(landing.lakehouse, TABLE)) == {(bad.export_id, "")}
    monkeypatch.setattr(module, "load_batch", load)
    assert [batch.id for batch in landing.ingest().loaded] == ids(good)
