"""The manifests of an export: the one model that reader and writer share, so that they cannot drift apart.

Belongs here: Export, DataFile, and their JSON exactly as DynamoDB writes it.
Does not: judging what was read; where manifests lie.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from medallion_assets.contracts.batch import Batch, BatchKind

ROOT = "AWSDynamoDB"
SUMMARY_NAME = "manifest-summary.json"
STARTED_NAME = "_started"
FILE_LIST_NAME = "manifest-files.json"
MANIFESTS = "manifest-"
"""What the names of the files begin with that an export ends with."""
CHECKSUM_SUFFIXES = (".md5", ".checksum")
"""Real exports write `.md5`; AWS's documentation says `.checksum`."""
JSON_FORMAT = "DYNAMODB_JSON"
EXPORT_ID = r"0\d{13}-[0-9a-f]{8}"


UNCERTAINTY = timedelta(seconds=60)
"""How far before and after its time a full export may have read an item.

AWS guarantees that it holds everything committed up to a minute before its `exportTime` and nothing committed later
than a minute after it. In between it promises nothing, item by item."""


class ExportType(StrEnum):
    """Full: the whole table at one moment. Incremental: what was written in a window."""

    FULL = "FULL_EXPORT"
    INCREMENTAL = "INCREMENTAL_EXPORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One data file. `key` is relative to the store, where the export lies now; `md5` is base64, of the gzip bytes."""

    key: str
    item_count: int
    md5: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What the manifests say of one export.

    An incremental export covers [from_at, to_at); of a full export both are its exportTime. All times are UTC.
    `prefix` is what stands before `AWSDynamoDB` in the listing: empty, or ending in `/`.
    """

    export_id: str
    export_type: ExportType
    from_at: datetime
    to_at: datetime
    started_at: datetime
    table_name: str
    table_arn: str
    table_id: str
    item_count: int
    output_format: str
    output_view: str | None
    prefix: str
    files: tuple[DataFile, ...]

    @property
    def batch(self) -> Batch:
        """What refining knows of it."""
        return Batch(
            id=self.export_id,
            kind=BatchKind(self.export_type.value),
            covers_from=self.from_at,
            covers_to=self.to_at,
            uncertainty=UNCERTAINTY,
            records=self.item_count,
            started_at=self.started_at,
            origin=self.table_id,
            owner=self.table_arn,
        )


def render_summary(export: Export, *, bucket: str, bucket_prefix: str, ended_at: datetime) -> bytes:
    """`manifest-summary.json`, byte for byte as DynamoDB writes it.

    `bucket_prefix` is what stands before `AWSDynamoDB` in the bucket: empty, or ending in `/`.
    """
    incremental = export.export_type is ExportType.INCREMENTAL
    window: dict[str, str] = {"exportTime": _iso(export.to_at)}
    if incremental:
        window = {"exportFromTime": _iso(export.from_at), "exportToTime": _iso(export.to_at)}
    summary: dict[str, Any] = {
        "version": "2023-08-01" if incremental else "2020-06-30",
        "exportArn": f"{export.table_arn}/export/{export.export_id}",
        "startTime": _iso(export.started_at),
        "endTime": _iso(ended_at),
        "tableArn": export.table_arn,
        "tableId": export.table_id,
        **window,
        "s3Bucket": bucket,
        "s3Prefix": bucket_prefix.rstrip("/") or None,
        "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": None,
        "manifestFilesS3Key": f"{bucket_prefix}{ROOT}/{export.export_id}/{FILE_LIST_NAME}",
        "billedSizeBytes": 0,
        "itemCount": export.item_count,
        "outputFormat": export.output_format,
    }
    if incremental:
        summary |= {"outputView": export.output_view, "exportType": export.export_type.value}
    return compact_json(summary)


def render_file_list(export: Export, *, bucket_prefix: str) -> bytes:
    """`manifest-files.json`, byte for byte as DynamoDB writes it: one line a data file."""
    return b"".join(
        compact_json(
            {
                "itemCount": file.item_count,
                "md5Checksum": file.md5,
                "etag": multipart_etag(base64.b64decode(file.md5)),
                "dataFileS3Key": f"{bucket_prefix}{file.key.removeprefix(export.prefix)}",
            }
        )
        + b"\n"
        for file in export.files
    )


def compact_json(value: object) -> bytes:
    """JSON without spaces, text as UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def md5_base64(data: bytes) -> str:
    """The md5 in base64, as it stands in manifests and `.md5` files."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def multipart_etag(digest: bytes) -> str:
    """S3's tag of an object uploaded in one part: the md5 of its md5, and the number of parts."""
    return f"{hashlib.md5(digest, usedforsecurity=False).hexdigest()}-1"


def started_at_of(export_id: str) -> datetime:
    """When the export was started: the milliseconds in its id."""
    millis = int(export_id.split("-", 1)[0])
    return datetime.fromtimestamp(millis // 1000, UTC).replace(microsecond=millis % 1000 * 1000)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
