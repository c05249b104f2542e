"""Verdicts: the names of everything that can be wrong with an export, and what a person does about each.

Belongs here: the verdict, how final it is, and the error that carries it.
Does not: finding out which one holds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from medallion_assets.contracts.owner import FULL_BATCH_MISSING, TABLE_RECREATED
from medallion_assets.contracts.source import ARCHIVED, BY_ACCESS, UNREADABLE, WRONG_TABLE, BatchRefusedError
from medallion_assets.sources.dynamodb_export.manifest import ROOT


class ExportStatus(StrEnum):
    """How an export stands, in the one word that `medallion exports verify` prints."""

    COMPLETE = "complete"
    WAITING = "waiting"
    INCOMPLETE = "incomplete"
    TAMPERED = "tampered"
    REFUSED = "refused"


_COPY_AGAIN = "copy this export again from its source; it is checked again as soon as its files change"
_EXPORT_AGAIN = "copy this export again from its source, or export the same window again"


class Verdict(StrEnum):
    """The judgement on one export (rule B1); all but the final ones are judged again when files change (B2).

    `status` is the verdict in one of five words, `advice` what a person does next.
    """

    status: ExportStatus
    advice: str

    def __new__(cls, name: str, status: ExportStatus, advice: str = _COPY_AGAIN) -> Self:
        """A verdict by the name that tables and commands know."""
        verdict = str.__new__(cls, name)
        verdict._value_, verdict.status, verdict.advice = name, status, advice
        return verdict

    COMPLETE = "complete", ExportStatus.COMPLETE, "nothing"
    WAITING = (
        "waiting",
        ExportStatus.WAITING,
        "wait: DynamoDB writes manifest-summary.json last; if it never comes, export again",
    )
    SUMMARY_NOT_JSON = "summary_not_json", ExportStatus.TAMPERED
    SUMMARY_INCOMPLETE = "summary_incomplete", ExportStatus.TAMPERED
    SUMMARY_OF_ANOTHER_EXPORT = (
        "summary_of_another_export",
        ExportStatus.TAMPERED,
        "put each export's manifests back into its own folder",
    )
    FILE_LIST_MISSING = "file_list_missing", ExportStatus.INCOMPLETE
    FILE_LIST_NOT_JSON = "file_list_not_json", ExportStatus.TAMPERED
    FILE_LIST_INCOMPLETE = "file_list_incomplete", ExportStatus.TAMPERED
    MANIFEST_MD5_MISMATCH = "manifest_md5_mismatch", ExportStatus.TAMPERED
    SUM_MISMATCH = "sum_mismatch", ExportStatus.TAMPERED
    DATA_FILE_LISTED_TWICE = "data_file_listed_twice", ExportStatus.TAMPERED
    DATA_FILE_ELSEWHERE = "data_file_elsewhere", ExportStatus.TAMPERED
    DATA_FILE_MISSING = "data_file_missing", ExportStatus.INCOMPLETE
    ARCHIVED = (
        ARCHIVED,
        ExportStatus.INCOMPLETE,
        "restore its objects from the archive; it is checked again automatically",
    )
    UNREADABLE = (
        UNREADABLE,
        ExportStatus.INCOMPLETE,
        "let this account read its objects; it is checked again automatically",
    )
    EMPTY_DATA_FILE = "empty_data_file", ExportStatus.INCOMPLETE
    NOT_GZIP = "not_gzip", ExportStatus.TAMPERED, "copy the file as it is, without unpacking it on the way"
    DATA_FILE_MD5_MISMATCH = "data_file_md5_mismatch", ExportStatus.TAMPERED
    TRUNCATED_GZIP = "truncated_gzip", ExportStatus.INCOMPLETE
    CORRUPT_GZIP = "corrupt_gzip", ExportStatus.TAMPERED, _EXPORT_AGAIN
    INVALID_UTF8 = "invalid_utf8", ExportStatus.TAMPERED, _EXPORT_AGAIN
    LINE_COUNT_MISMATCH = "line_count_mismatch", ExportStatus.TAMPERED, _EXPORT_AGAIN
    WRONG_TABLE = WRONG_TABLE, ExportStatus.REFUSED, "move this export into the folder of its own table"
    TABLE_RECREATED = TABLE_RECREATED, ExportStatus.WAITING, "confirm the new table, if that was meant"
    FULL_EXPORT_MISSING = FULL_BATCH_MISSING, ExportStatus.WAITING, "make a full export of the new table"
    ION_NOT_SUPPORTED = "ion_not_supported", ExportStatus.REFUSED, "export again with ExportFormat DYNAMODB_JSON"

    @property
    def is_final(self) -> bool:
        """Refused for good: the sensor's cursor may pass it (rule B2)."""
        return self.status is ExportStatus.REFUSED


class ExportRefusedError(BatchRefusedError):
    """Nothing of an export is loaded, and why.

    `table` is the DynamoDB table named in the summary, as far as it could be read; `file` the key of the file at fault.
    """

    verdict: Verdict

    def __init__(
        self,
        verdict: Verdict,
        *,
        export_id: str,
        table: str | None = None,
        file: str | None = None,
        expected: object = None,
        found: object = None,
        do: str | None = None,
        state: str | None = None,
    ) -> None:
        self.table = table
        self.file = file
        of_table = f" of table {table}" if table else ""
        at_file = f", file {file}" if file else ""
        is_listed = file is not None and f"{ROOT}/{export_id}/" in file
        super().__init__(
            verdict,
            f"export {export_id}{of_table} refused: {verdict}{at_file}",
            watched=file if verdict in BY_ACCESS or not is_listed else None,
            state=state,
            expected=expected,
            found=found,
            do=do or verdict.advice,
            export_id=export_id,
        )
