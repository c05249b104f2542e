"""Large data files are verified one ahead, and nothing is held or waited for at the end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest
from obstore.store import ObjectStore

from medallion_assets.sources.dynamodb_export import verify as module
from medallion_assets.sources.dynamodb_export.manifest import DataFile, Export, ExportType
from medallion_assets.sources.dynamodb_export.verify import verified_file
from medallion_assets.sources.dynamodb_export.write import full_record, write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.sources.dynamodb_export.planted_exports import EXPORT_AT


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path))


def write_four_files(store: ObjectStore) -> Export:
    return write_export(
        store,
        table_name="orders",
        export_type=ExportType.FULL,
        from_at=EXPORT_AT,
        to_at=EXPORT_AT,
        files=[[full_record({"pk": {"S": f"{number}"}})] for number in range(4)],
    )


def test_one_large_file_is_verified_ahead_and_none_is_held_at_the_end(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a file is read the next one is looked at, and no other; who stops early leaves no temporary file."""
    export = write_four_files(store)
    begun: list[str] = []
    held: list[str] = []

    @contextmanager
    def noted(store: ObjectStore, export: Export, data_file: DataFile, is_over: Event) -> Iterator[Path]:
        begun.append(data_file.key)
        with verified_file(store, export, data_file, is_over) as path:
            held.append(data_file.key)
            yield path
            held.remove(data_file.key)

    monkeypatch.setattr(module, "verified_file", noted)
    names = [file.key for file in export.files]
    with closing(module.verified_files(store, export, small_bytes=0)) as files:
        for number, (file, _) in enumerate(files):
            assert (file.key, file.key in held) == (names[number], True)
            if number == 1:
                break
    assert (begun[:2], set(begun) <= set(names[:3]), held) == (names[:2], True, [])
    assert [file.key for file, _ in module.verified_files(store, export, small_bytes=0)] == names
    assert held == []


def test_who_is_at_the_end_stops_nobody_beside_it(store: ObjectStore) -> None:
    """Another reader of the same export has files left, of which one may be on its way."""
    export, is_over = write_four_files(store), Event()
    assert len(list(module.verified_files(store, export, small_bytes=0, is_over=is_over))) == 4
    assert not is_over.is_set()


def test_who_stops_does_not_wait_for_the_file_that_is_verified_ahead(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time limit, or a person, ends a run while a file of many gigabytes is on its way."""
    export = write_four_files(store)
    ended: list[str] = []
    is_on_its_way = Event()

    @contextmanager
    def slow(store: ObjectStore, export: Export, data_file: DataFile, is_over: Event) -> Iterator[Path]:
        if data_file is not export.files[0]:
            is_on_its_way.set()
            assert is_over.wait(60)
        try:
            with verified_file(store, export, data_file, is_over) as path:
                yield path
        except CancelledError:
            ended.append(data_file.key)
            raise

    monkeypatch.setattr(module, "verified_file", slow)
    with closing(module.verified_files(store, export, small_bytes=0)) as files:
        assert next(files)[0] == export.files[0]
        assert is_on_its_way.wait(60)
    assert ended == [export.files[1].key]
