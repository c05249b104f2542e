"""Writing exports exactly as DynamoDB does: for samples and tests, through the model that the reader uses.

Belongs here: ids, file names, gzip bytes, the order in which the files of an export appear, and the lines of records.
Does not: what is in a sample (samples); the manifests' JSON.
"""

from __future__ import annotations

import base64
import hashlib
import random
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from obstore.store import ObjectStore

from medallion_assets.contracts.moments import EPOCH
from medallion_assets.contracts.samples import SAMPLE_ACCOUNT, SAMPLE_REGION, origin_of
from medallion_assets.errors import PermanentError
from medallion_assets.sources.dynamodb_export.manifest import (
    FILE_LIST_NAME,
    JSON_FORMAT,
    ROOT,
    SUMMARY_NAME,
    DataFile,
    Export,
    ExportType,
    compact_json,
    md5_base64,
    render_file_list,
    render_summary,
)
from medallion_assets.storage.stores import bucket_and_prefix, stat, write_bytes, write_chunks

NEW_AND_OLD_IMAGES = "NEW_AND_OLD_IMAGES"
DynamoDbJson = Mapping[str, Any]
"""Attributes with their types, such as `{"pk": {"S": "C#7"}}`."""

_NAME_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_NAME_LENGTH = 26
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00"
"""As DynamoDB writes it: no name, no time, so that equal lines make equal bytes."""
_RAW_DEFLATE = -15


def write_export(
    store: ObjectStore,
    *,
    table_name: str,
    export_type: ExportType,
    from_at: datetime,
    to_at: datetime,
    files: Iterable[Iterable[bytes | str]],
    started_at: datetime | None = None,
    seed: int = 0,
    prefix: str = "",
    account_id: str = SAMPLE_ACCOUNT,
    region: str = SAMPLE_REGION,
    table_id: str | None = None,
    gzip_level: int = 6,
    replaces: bool = True,
) -> Export:
    """Write one export and return what its manifests say.

    `files` gives, for each data file, its text in pieces of one or more whole lines (a newline at a piece's end may be
    left out); pieces are written as they come, so memory is bounded by a piece. `from_at` and `to_at` are equal for a
    full export. The export begins (`started_at`) some seconds after `to_at` unless given. The same arguments
    write the same bytes. Unless it `replaces`, an export of the same id that is whole is left as it is.

    Raises:
        PermanentError: a window that an export cannot have, or an export of its id lies there already.
    """
    if (from_at == to_at) != (export_type is ExportType.FULL) or from_at > to_at:
        raise PermanentError(
            f"an export of {table_name} cannot have this window",
            expected="from_at before to_at for an incremental export, both equal for a full one",
            found=f"{export_type} from {from_at} to {to_at}",
        )
    rng = random.Random(f"{seed}|{table_name}|{export_type}|{from_at}|{to_at}|{started_at}")  # noqa: S311 (names only)
    started_at = started_at or to_at + timedelta(milliseconds=rng.randrange(1_000, 60_000))
    millis = (started_at - EPOCH) // timedelta(milliseconds=1)
    started_at = EPOCH + timedelta(milliseconds=millis)
    export_id = f"{millis:014d}-{rng.getrandbits(32):08x}"
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    folder = f"{prefix}{ROOT}/{export_id}"
    data_folder = f"{folder}/data" if export_type is ExportType.FULL else f"{prefix}{ROOT}/data"

    if not replaces and stat(store, f"{folder}/{SUMMARY_NAME}") is not None:
        raise PermanentError(
            f"the export {export_id} of {table_name} exists already, and is left unchanged",
            do="choose another seed or another place, or remove the export first",
        )
    write_bytes(store, f"{folder}/_started", b"")
    written = []
    for lines in files:
        name = "".join(rng.choices(_NAME_LETTERS, k=_NAME_LENGTH))
        written.append(_write_data_file(store, f"{data_folder}/{name}.json.gz", lines, gzip_level))
    table_arn = f"arn:aws:dynamodb:{region}:{account_id}:table/{table_name}"
    export = Export(
        export_id=export_id,
        export_type=export_type,
        from_at=from_at,
        to_at=to_at,
        started_at=started_at,
        table_name=table_name,
        table_arn=table_arn,
        table_id=table_id or origin_of(table_arn),
        item_count=sum(file.item_count for file in written),
        output_format=JSON_FORMAT,
        output_view=NEW_AND_OLD_IMAGES if export_type is ExportType.INCREMENTAL else None,
        prefix=prefix,
        files=tuple(written),
    )
    _write_manifests(store, export)
    return export


def full_record(item: DynamoDbJson) -> str:
    """The line of one item in a full export."""
    return compact_json({"Item": item}).decode()


def upsert_record(
    keys: DynamoDbJson, new_image: DynamoDbJson, micros: int, old_image: DynamoDbJson | None = None
) -> str:
    """The line of an insert (no old image) or an update, written at `micros` microseconds since 1970."""
    images = {} if old_image is None else {"OldImage": old_image}
    return compact_json({"Metadata": _metadata(micros), "Keys": keys, **images, "NewImage": new_image}).decode()


def delete_record(keys: DynamoDbJson, micros: int, old_image: DynamoDbJson | None = None) -> str:
    """The line of a delete at `micros` microseconds since 1970."""
    images = {} if old_image is None else {"OldImage": old_image}
    return compact_json({"Metadata": _metadata(micros), "Keys": keys, **images}).decode()


def _metadata(micros: int) -> dict[str, Any]:
    return {"WriteTimestampMicros": {"N": str(micros)}}


def _write_data_file(store: ObjectStore, key: str, lines: Iterable[bytes | str], level: int) -> DataFile:
    """Write one gzip file from pieces of lines, and count and hash it on the way."""
    digest = hashlib.md5(usedforsecurity=False)
    count = 0

    def chunks() -> Iterator[bytes]:
        nonlocal count
        deflate = zlib.compressobj(level, zlib.DEFLATED, _RAW_DEFLATE)
        crc, size = 0, 0
        yield _GZIP_HEADER
        for piece in lines:
            text = piece.encode() if isinstance(piece, str) else piece
            text = text if text.endswith(b"\n") else text + b"\n"
            crc, size = zlib.crc32(text, crc), size + len(text)
            count += text.count(b"\n")
            yield deflate.compress(text)
        yield deflate.flush()
        yield crc.to_bytes(4, "little") + (size % (1 << 32)).to_bytes(4, "little")

    def hashed() -> Iterator[bytes]:
        for chunk in chunks():
            digest.update(chunk)
            yield chunk

    write_chunks(store, key, hashed())
    return DataFile(key=key, item_count=count, md5=base64.b64encode(digest.digest()).decode())


def _write_manifests(store: ObjectStore, export: Export) -> None:
    """The file list, then the checksums, then the summary: once that is there, the export is complete."""
    bucket, store_prefix = bucket_and_prefix(store)
    bucket_prefix = store_prefix + export.prefix
    duration = timedelta(seconds=30 + len(export.files))
    summary = render_summary(
        export, bucket=bucket or "lake", bucket_prefix=bucket_prefix, ended_at=export.started_at + duration
    )
    file_list = render_file_list(export, bucket_prefix=bucket_prefix)
    folder = f"{export.prefix}{ROOT}/{export.export_id}"
    for name, data in ((FILE_LIST_NAME, file_list), (SUMMARY_NAME, summary)):
        write_bytes(store, f"{folder}/{name.removesuffix('.json')}.md5", md5_base64(data).encode())
        write_bytes(store, f"{folder}/{name}", data)
