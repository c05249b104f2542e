"""Reading manifests: their JSON judged field by field, and turned into the model.

Belongs here: what a summary and a file list must contain, and where a data file of a copied export lies.
Does not: the model and how it is written; checksums and missing files.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeGuard

from medallion_assets.sources.dynamodb_export.manifest import (
    FILE_LIST_NAME,
    ROOT,
    SUMMARY_NAME,
    DataFile,
    Export,
    ExportType,
    started_at_of,
)
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, Verdict

MD5_BYTES = 16
ENTRY = "dataFileS3Key (text), itemCount (0 or more), md5Checksum (base64 of 16 bytes)"


def load_summary(data: bytes, *, export_id: str, prefix: str) -> dict[str, Any]:
    """The JSON object of `manifest-summary.json`.

    Raises:
        ExportRefusedError: SUMMARY_NOT_JSON.
    """
    summary = _json_object(data)
    if summary is None:
        raise ExportRefusedError(
            Verdict.SUMMARY_NOT_JSON,
            export_id=export_id,
            file=f"{prefix}{ROOT}/{export_id}/{SUMMARY_NAME}",
            expected="one JSON object",
            found=_format_bytes(data),
        )
    return summary


def export_of(summary: dict[str, Any], *, export_id: str, prefix: str) -> Export:
    """The export that a summary describes, its `files` still empty.

    Raises:
        ExportRefusedError: SUMMARY_INCOMPLETE, SUMMARY_OF_ANOTHER_EXPORT.
    """
    file = f"{prefix}{ROOT}/{export_id}/{SUMMARY_NAME}"
    fields = _Fields(summary, export_id, file)
    table_arn = fields.text("tableArn")
    if ":table/" not in table_arn:
        raise fields.refused("tableArn", "an ARN that contains :table/")
    fields.table = table_arn.split(":table/", 1)[1]
    arn_id = str(summary.get("exportArn") or export_id).rsplit("/", 1)[-1]
    if arn_id != export_id:
        raise ExportRefusedError(
            Verdict.SUMMARY_OF_ANOTHER_EXPORT,
            export_id=export_id,
            table=fields.table,
            file=file,
            expected=f"an exportArn that ends in {export_id}",
            found=arn_id,
        )
    kind = summary.get("exportType") or ExportType.FULL.value  # real full exports do not name their type
    if kind not in tuple(ExportType):
        raise fields.refused("exportType", " or ".join(ExportType))
    export_type = ExportType(kind)
    if export_type is ExportType.FULL:
        from_at = to_at = fields.moment("exportTime")
    else:
        from_at, to_at = fields.moment("exportFromTime"), fields.moment("exportToTime")
        if from_at >= to_at:
            raise fields.refused("exportToTime", "a moment after exportFromTime")
    view = summary.get("outputView")
    return Export(
        export_id=export_id,
        export_type=export_type,
        from_at=from_at,
        to_at=to_at,
        started_at=fields.moment("startTime") if "startTime" in summary else started_at_of(export_id),
        table_name=fields.table,
        table_arn=table_arn,
        table_id=fields.text("tableId"),
        item_count=fields.count("itemCount"),
        output_format=fields.text("outputFormat"),
        output_view=view if isinstance(view, str) else None,
        prefix=prefix,
        files=(),
    )


def load_file_list(data: bytes, export: Export) -> list[dict[str, Any]]:
    """The entries of `manifest-files.json`, one a data file.

    Raises:
        ExportRefusedError: FILE_LIST_NOT_JSON, FILE_LIST_INCOMPLETE.
    """
    entries: list[dict[str, Any]] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        entry = _json_object(line)
        if entry is None:
            found = f"line {number}: {_format_bytes(line)}"
            raise _file_list_refused(Verdict.FILE_LIST_NOT_JSON, export, "one JSON object a line", found)
        entries.append(entry)
    return entries


def with_files(export: Export, entries: list[dict[str, Any]]) -> Export:
    """The export with its data files, their keys rebased to where the export lies now.

    Raises:
        ExportRefusedError: FILE_LIST_INCOMPLETE, DATA_FILE_ELSEWHERE, DATA_FILE_LISTED_TWICE, SUM_MISMATCH.
    """
    files = tuple(_data_file(export, entry) for entry in entries)
    twice = [key for key, times in Counter(file.key for file in files).items() if times > 1]
    if twice:
        raise _file_list_refused(
            Verdict.DATA_FILE_LISTED_TWICE, export, "every data file once", ", ".join(sorted(twice)[:3])
        )
    total = sum(file.item_count for file in files)
    if total != export.item_count:
        expected = f"{export.item_count} items as the summary says"
        raise _file_list_refused(Verdict.SUM_MISMATCH, export, expected, f"{total} in the file list")
    return replace(export, files=files)


def rebase(key: str, *, export_id: str, prefix: str) -> str | None:
    """The key of a data file where the export lies now, or None when it does not belong to this export.

    The last `AWSDynamoDB/` and what follows it stay; `prefix` stands in for what came before.
    """
    match = re.search(rf"(?:^|/){ROOT}/((?:{re.escape(export_id)}/)?data/\w[\w.-]*)$", key)
    return f"{prefix}{ROOT}/{match[1]}" if match else None


def _data_file(export: Export, entry: dict[str, Any]) -> DataFile:
    key, count, md5 = (entry.get(name) for name in ("dataFileS3Key", "itemCount", "md5Checksum"))
    if not isinstance(key, str) or not _is_md5(md5) or not _is_count(count):
        raise _file_list_refused(Verdict.FILE_LIST_INCOMPLETE, export, ENTRY, json.dumps(entry))
    rebased = rebase(key, export_id=export.export_id, prefix=export.prefix)
    if rebased is None:
        expected = f"{ROOT}/data/<file> or {ROOT}/{export.export_id}/data/<file>"
        raise _file_list_refused(Verdict.DATA_FILE_ELSEWHERE, export, expected, key)
    return DataFile(key=rebased, item_count=count, md5=md5)


def _file_list_refused(verdict: Verdict, export: Export, expected: str, found: str) -> ExportRefusedError:
    return ExportRefusedError(
        verdict,
        export_id=export.export_id,
        table=export.table_name,
        file=f"{export.prefix}{ROOT}/{export.export_id}/{FILE_LIST_NAME}",
        expected=expected,
        found=found,
    )


def _json_object(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # ValueError: also bytes that are not UTF-8
        return None
    return value if isinstance(value, dict) else None


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_md5(value: object) -> TypeGuard[str]:
    try:
        return isinstance(value, str) and len(base64.b64decode(value, validate=True)) == MD5_BYTES
    except binascii.Error:
        return False


def _format_bytes(data: bytes, limit: int = 120) -> str:
    return repr(data[:limit])[1:] + ("..." if len(data) > limit else "")


class _Fields:
    """Typed access to the summary's fields; what is missing or of a wrong kind is refused by name."""

    def __init__(self, summary: dict[str, Any], export_id: str, file: str) -> None:
        self.summary = summary
        self.export_id = export_id
        self.file = file
        self.table: str | None = None

    def refused(self, name: str, expected: str) -> ExportRefusedError:
        found = f"{name} = {self.summary[name]!r}" if name in self.summary else f"no {name}"
        return ExportRefusedError(
            Verdict.SUMMARY_INCOMPLETE,
            export_id=self.export_id,
            table=self.table,
            file=self.file,
            expected=f"{name}: {expected}",
            found=found,
        )

    def text(self, name: str) -> str:
        value = self.summary.get(name)
        if not isinstance(value, str) or not value:
            raise self.refused(name, "text")
        return value

    def count(self, name: str) -> int:
        value = self.summary.get(name)
        if not _is_count(value):
            raise self.refused(name, "a whole number, 0 or more")
        return value

    def moment(self, name: str) -> datetime:
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise self.refused(name, "an ISO 8601 timestamp") from None
        if moment.tzinfo is None:
            raise self.refused(name, "an ISO 8601 timestamp with a zone")
        return moment.astimezone(UTC)
