"""Verdicts: the names of everything that can be wrong with an export, and what a person does about each.

Belongs here: the verdict, how final it is, and the error that carries it.
Does not: finding out which one holds (sources.dynamodb_export.read for manifests, sources.dynamodb_export.verify for
data files).
"""

from __future__ import annotations

from enum import StrEnum

from medallion_assets.contracts.source import WRONG_TABLE, BatchRefusedError
from medallion_assets.sources.dynamodb_export.manifest import ROOT


class Standing(StrEnum):
    """How an export stands, in the one word that `medallion exports verify` prints."""

    COMPLETE = "complete"
    WAITING = "waiting"
    INCOMPLETE = "incomplete"
    TAMPERED = "tampered"
    REFUSED = "refused"


class Verdict(StrEnum):
    """The judgement on one export (rule B1); all but the final ones are judged again when files change (B2)."""

    COMPLETE = "complete"
    WAITING = "waiting"
    SUMMARY_NOT_JSON = "summary_not_json"
    SUMMARY_INCOMPLETE = "summary_incomplete"
    SUMMARY_OF_ANOTHER_EXPORT = "summary_of_another_export"
    FILE_LIST_MISSING = "file_list_missing"
    FILE_LIST_NOT_JSON = "file_list_not_json"
    FILE_LIST_INCOMPLETE = "file_list_incomplete"
    MANIFEST_MD5_MISMATCH = "manifest_md5_mismatch"
    SUM_MISMATCH = "sum_mismatch"
    DATA_FILE_LISTED_TWICE = "data_file_listed_twice"
    DATA_FILE_ELSEWHERE = "data_file_elsewhere"
    DATA_FILE_MISSING = "data_file_missing"
    ARCHIVED = "archived"
    UNREADABLE = "unreadable"
    EMPTY_DATA_FILE = "empty_data_file"
    NOT_GZIP = "not_gzip"
    DATA_FILE_MD5_MISMATCH = "data_file_md5_mismatch"
    TRUNCATED_GZIP = "truncated_gzip"
    CORRUPT_GZIP = "corrupt_gzip"
    INVALID_UTF8 = "invalid_utf8"
    LINE_COUNT_MISMATCH = "line_count_mismatch"
    WRONG_TABLE = WRONG_TABLE
    ION_NOT_SUPPORTED = "ion_not_supported"

    @property
    def is_final(self) -> bool:
        """Refused for good: the sensor's cursor may pass it (rule B2)."""
        return self.standing is Standing.REFUSED

    @property
    def standing(self) -> Standing:
        """The verdict in one of five words."""
        return _MEANING[self][0]

    @property
    def advice(self) -> str:
        """What a person does next."""
        return _MEANING[self][1]


_COPY_AGAIN = "copy this export again from its source; it is looked at again as soon as its files change"
_EXPORT_AGAIN = "copy this export again from its source, or export the same window anew"
_MEANING: dict[Verdict, tuple[Standing, str]] = {
    Verdict.COMPLETE: (Standing.COMPLETE, "nothing"),
    Verdict.WAITING: (
        Standing.WAITING,
        "wait: DynamoDB writes manifest-summary.json last; if it never comes, export anew",
    ),
    Verdict.SUMMARY_NOT_JSON: (Standing.TAMPERED, _COPY_AGAIN),
    Verdict.SUMMARY_INCOMPLETE: (Standing.TAMPERED, _COPY_AGAIN),
    Verdict.SUMMARY_OF_ANOTHER_EXPORT: (Standing.TAMPERED, "put each export's manifests back into its own folder"),
    Verdict.FILE_LIST_MISSING: (Standing.INCOMPLETE, _COPY_AGAIN),
    Verdict.FILE_LIST_NOT_JSON: (Standing.TAMPERED, _COPY_AGAIN),
    Verdict.FILE_LIST_INCOMPLETE: (Standing.TAMPERED, _COPY_AGAIN),
    Verdict.MANIFEST_MD5_MISMATCH: (Standing.TAMPERED, _COPY_AGAIN),
    Verdict.SUM_MISMATCH: (Standing.TAMPERED, _COPY_AGAIN),
    Verdict.DATA_FILE_LISTED_TWICE: (Standing.TAMPERED, _COPY_AGAIN),
    Verdict.DATA_FILE_ELSEWHERE: (Standing.TAMPERED, _COPY_AGAIN),
    Verdict.DATA_FILE_MISSING: (Standing.INCOMPLETE, _COPY_AGAIN),
    Verdict.ARCHIVED: (Standing.INCOMPLETE, "restore its objects from the archive; it is looked at again by itself"),
    Verdict.UNREADABLE: (Standing.INCOMPLETE, "let this account read its objects; it is looked at again by itself"),
    Verdict.EMPTY_DATA_FILE: (Standing.INCOMPLETE, _COPY_AGAIN),
    Verdict.NOT_GZIP: (Standing.TAMPERED, "copy the file as it is, without unpacking it on the way"),
    Verdict.DATA_FILE_MD5_MISMATCH: (Standing.TAMPERED, _COPY_AGAIN),
    Verdict.TRUNCATED_GZIP: (Standing.INCOMPLETE, _COPY_AGAIN),
    Verdict.CORRUPT_GZIP: (Standing.TAMPERED, _EXPORT_AGAIN),
    Verdict.INVALID_UTF8: (Standing.TAMPERED, _EXPORT_AGAIN),
    Verdict.LINE_COUNT_MISMATCH: (Standing.TAMPERED, _EXPORT_AGAIN),
    Verdict.WRONG_TABLE: (Standing.REFUSED, "move this export into the folder of its own table"),
    Verdict.ION_NOT_SUPPORTED: (Standing.REFUSED, "export again with ExportFormat DYNAMODB_JSON"),
}


BY_ACCESS = frozenset({Verdict.ARCHIVED, Verdict.UNREADABLE})
"""Verdicts that no listing takes back: permissions and restored objects do not show there."""


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
        self.export_id = export_id
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
        )
