"""Writing the lines of a batch: each once, of a batch that is whole (rules B1, B2, B4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.loading import write as module
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.sources.dynamodb_export.write import full_record
from medallion_assets.storage.stores import write_bytes
from medallion_assets_tests.refining.landing import AT, TABLE, Landing, ids


def test_every_line_is_written_once_in_its_place(landing: Landing) -> None:
    names = [[], ["a", "b"], ["c"], [], ["d"], ["e", "f", "g"]]
    files = [[full_record({"pk": {"S": name}}) for name in some] for some in names]
    export = landing._write(ExportType.FULL, AT, AT, files)
    assert [batch.id for batch in landing.ingest().loaded] == ids(export)
    rows = landing.lakehouse.open(bronze_table(TABLE)).scan().select("_source_file", "_line_number", "raw").collect()
    assert sorted(rows.rows()) == sorted(
        (file.key, number, line)
        for file, lines in zip(export.files, files, strict=True)
        for number, line in enumerate(lines, 1)
    )


def test_of_several_bad_files_the_first_is_told_of(landing: Landing) -> None:
    """B2: a refusal that named another file each time would be another refusal."""
    files = [[full_record({"pk": {"S": name}})] for name in "abcdef"]
    export = landing._write(ExportType.FULL, AT, AT, files)
    for file in (export.files[4], export.files[2], export.files[3]):
        write_bytes(landing.store, file.key, b"no gzip")
    (refused,) = landing.ingest().refused
    assert (refused.verdict, export.files[2].key in refused.message) == (Verdict.NOT_GZIP, True)
    assert landing.lines() == []


def test_lines_that_get_lost_while_they_are_written_are_noticed(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B1: should the engine ever write other lines than were read, nothing of the export is loaded."""
    landing.full("a", "b")
    write = module.write_lines

    def loses_half(*args: Any, **facts: Any) -> Any:
        written = write(*args, **facts)
        return replace(written, rows=written.rows // 2)

    monkeypatch.setattr(module, "write_lines", loses_half)
    said = r"not all of export .* was written; expected: 2 lines .*; found: 1; what to do: report this as a bug"
    with pytest.raises(PermanentError, match=said):
        landing.ingest()
    assert landing.lines() == []


def test_an_error_that_is_not_the_files_fault_stands(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: a full disk is no verdict on the export; the next run loads it."""
    export = landing.full("a")

    def fails(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patches:
        patches.setattr(module, "write_lines", fails)
        with pytest.raises(OSError, match="no space left"):
            landing.ingest()
    assert [batch.id for batch in landing.ingest().loaded] == ids(export)
