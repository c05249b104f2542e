"""Small exports to plant in a store, and ways to break them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from obstore.store import ObjectStore

from medallion_assets.sources.dynamodb_export.find import find_exports
from medallion_assets.sources.dynamodb_export.manifest import FILE_LIST_NAME, ROOT, Export, ExportType, md5_base64
from medallion_assets.sources.dynamodb_export.verify import VerifiedExport, verify_export
from medallion_assets.sources.dynamodb_export.write import full_record, upsert_record, write_export
from medallion_assets.storage.stores import open_store, read_bytes, write_bytes

EXPORT_AT = datetime(2025, 2, 1, tzinfo=UTC)
WINDOW = timedelta(days=1)


def pk(value: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": value}}


def verified(url: str) -> list[VerifiedExport]:
    """Every export below a URL with its verdict."""
    store = open_store(url)
    return [verify_export(store, found) for found in find_exports(store)]


def write_full(store: ObjectStore, *, prefix: str = "", at: datetime = EXPORT_AT, table: str = "orders") -> Export:
    """A full export of two files: an empty one first, then one of two items."""
    return write_export(
        store,
        table_name=table,
        export_type=ExportType.FULL,
        from_at=at,
        to_at=at,
        files=[[], [full_record(pk("a")), full_record(pk("b"))]],
        prefix=prefix,
    )


def write_window(
    store: ObjectStore, *, begin: datetime = EXPORT_AT, length: timedelta = WINDOW, prefix: str = "", seed: int = 0
) -> Export:
    """An incremental export of one record, in the folder that all incremental exports share."""
    micros = int(begin.timestamp()) * 1_000_000
    return write_export(
        store,
        table_name="orders",
        export_type=ExportType.INCREMENTAL,
        from_at=begin,
        to_at=begin + length,
        files=[[upsert_record(pk("a"), pk("a"), micros)]],
        prefix=prefix,
        seed=seed,
    )


def key_of(export: Export, name: str) -> str:
    """The key of a file in the export's own folder."""
    return f"{export.prefix}{ROOT}/{export.export_id}/{name}"


def change_manifest(
    store: ObjectStore, export: Export, name: str, old: bytes, new: bytes, *, sign: bool = True
) -> None:
    """Replace a part of a manifest; `sign` writes its checksum anew."""
    data = read_bytes(store, key_of(export, name))
    assert data is not None
    assert old in data
    changed = data.replace(old, new)
    write_bytes(store, key_of(export, name), changed)
    if sign:
        write_bytes(store, key_of(export, name.replace(".json", ".md5")), md5_base64(changed).encode())


def change_data(store: ObjectStore, export: Export, number: int, data: bytes) -> None:
    """Replace a data file by other bytes whose md5 the file list names, as if the export had been made that way."""
    file = export.files[number]
    write_bytes(store, file.key, data)
    change_manifest(store, export, FILE_LIST_NAME, file.md5.encode(), md5_base64(data).encode())
