"""Exports: what the manifests of an export folder say.

Belongs here: reading manifests, and checking them before they are parsed.
Does not: finding the folder; the manifests' JSON; data files.
"""

from __future__ import annotations

from obstore.store import ObjectStore

from medallion_assets.contracts.source import Found
from medallion_assets.sources.dynamodb_export.find import folder_of
from medallion_assets.sources.dynamodb_export.manifest import (
    CHECKSUM_SUFFIXES,
    FILE_LIST_NAME,
    JSON_FORMAT,
    SUMMARY_NAME,
    Export,
    md5_base64,
)
from medallion_assets.sources.dynamodb_export.manifest_reading import (
    export_of,
    load_file_list,
    load_summary,
    with_files,
)
from medallion_assets.sources.dynamodb_export.unreadable import unreadable_as_verdict
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, Verdict
from medallion_assets.storage.stores import read_bytes


def read_export(store: ObjectStore, found: Found) -> Export:
    """The export's manifests, checked: present, JSON, md5 where there is one, fields, sum (rule B1).

    Raises:
        ExportRefusedError: with the verdict; WAITING when the summary is not there yet.
        TransientError: the store did not answer.
    """
    with unreadable_as_verdict(found.id):
        return _read(store, found)


def _read(store: ObjectStore, found: Found) -> Export:
    summary_key, list_key = f"{folder_of(found)}/{SUMMARY_NAME}", f"{folder_of(found)}/{FILE_LIST_NAME}"
    summary = read_bytes(store, summary_key)
    if summary is None:
        raise ExportRefusedError(
            Verdict.WAITING,
            export_id=found.id,
            file=summary_key,
            expected=SUMMARY_NAME,
            found="no such file yet",
        )
    fields = load_summary(summary, export_id=found.id, prefix=found.prefix)
    # A broken checksum explains a broken field, so it is named first; text that is no JSON at all says more by itself.
    _check_md5(store, found, SUMMARY_NAME, summary)
    export = export_of(fields, export_id=found.id, prefix=found.prefix)
    if export.output_format != JSON_FORMAT:
        raise ExportRefusedError(
            Verdict.ION_NOT_SUPPORTED,
            export_id=found.id,
            table=export.table_name,
            file=summary_key,
            expected=f"outputFormat {JSON_FORMAT}",
            found=export.output_format,
        )
    file_list = read_bytes(store, list_key)
    if file_list is None:
        raise ExportRefusedError(
            Verdict.FILE_LIST_MISSING,
            export_id=found.id,
            table=export.table_name,
            file=list_key,
            found="no such file",
        )
    entries = load_file_list(file_list, export)
    _check_md5(store, found, FILE_LIST_NAME, file_list)
    return with_files(export, entries)


def _check_md5(store: ObjectStore, found: Found, name: str, data: bytes) -> None:
    for suffix in CHECKSUM_SUFFIXES:
        checksum_name = name.removesuffix(".json") + suffix
        # Read, not looked up in the listing: a checksum that landed after it counts as well.
        checksum = read_bytes(store, f"{folder_of(found)}/{checksum_name}")
        if checksum is not None and checksum.strip().decode(errors="replace") != md5_base64(data):
            raise ExportRefusedError(
                Verdict.MANIFEST_MD5_MISMATCH,
                export_id=found.id,
                file=f"{folder_of(found)}/{name}",
                expected=f"{checksum.strip().decode(errors='replace')} as {checksum_name} says",
                found=md5_base64(data),
            )
