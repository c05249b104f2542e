"""Staging the lines of a batch: each once, of a batch that is whole (rules B1, B2, B4)."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.refining import stage as module
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.sources.dynamodb_export import verified_lines as lines
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.sources.dynamodb_export.write import full_record
from medallion_assets.storage.stores import write_bytes
from medallion_assets_tests.refining.landing import AT, TABLE, Landing, ids
from medallion_assets_tests.services.waiting import wait_until


@pytest.fixture(params=[module.LEAST_LINES, 1], ids=["one part", "parts"], autouse=True)
def least_lines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small exports are one part, or are read in parts too, several at a time."""
    monkeypatch.setattr(module, "LEAST_LINES", request.param)


def test_every_line_is_staged_once_in_its_place(landing: Landing) -> None:
    names = [[], ["a", "b"], ["c"], [], ["d"], ["e", "f", "g"]]
    files = [[full_record({"pk": {"S": name}}) for name in some] for some in names]
    export = landing._write(ExportType.FULL, AT, AT, files)
    assert [one.id for one in landing.ingest().loaded] == ids(export)
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


def test_parts_behind_one_that_fails_end_at_their_next_frame(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """B2: and those before it go on, as one of their files may be the first that is bad."""
    monkeypatch.setattr(module, "LEAST_LINES", 1)
    monkeypatch.setattr(lines, "FRAME_BYTES", 1)
    files = [[full_record({"pk": {"S": f"{number:02d}"}})] for number in range(12)]
    export = landing._write(ExportType.FULL, AT, AT, files)
    write_bytes(landing.store, export.files[3].key, b"no gzip")
    staged: list[int] = []
    has_begun, asked = threading.Event(), []
    stage, beside = module._Staging._stage_frame, module._Staging.stage_beside

    def meets(staging: Any, frame: pl.DataFrame) -> Any:
        """The first part waits for the second to begin, which ends its first frame when the first part has failed."""
        number = files.index([frame["raw"].item()])
        if number < 6:
            assert has_begun.wait(30)
        else:
            has_begun.set()
            wait_until(lambda: not asked[-1](), "the first part fails")
        staged.append(number)
        return stage(staging, frame)

    def asks(staging: Any, place: Any, part: Any, goes_on: Any) -> Any:
        if part.files[0] == export.files[6]:
            asked.append(goes_on)
        return beside(staging, place, part, goes_on)

    monkeypatch.setattr(module._Staging, "_stage_frame", meets)
    monkeypatch.setattr(module._Staging, "stage_beside", asks)
    (refused,) = landing.ingest().refused
    assert export.files[3].key in refused.message
    assert sorted(staged) == [0, 1, 2, 6]
    assert landing.lines() == []


def test_parts_before_one_that_fails_go_on(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """B2: here one of their files is bad as well, and is the first."""
    monkeypatch.setattr(module, "LEAST_LINES", 1)
    monkeypatch.setattr(lines, "FRAME_BYTES", 1)
    files = [[full_record({"pk": {"S": f"{number:02d}"}})] for number in range(12)]
    export = landing._write(ExportType.FULL, AT, AT, files)
    for number in (5, 7):
        write_bytes(landing.store, export.files[number].key, b"no gzip")
    has_failed = threading.Event()
    stage, beside = module._Staging._stage_frame, module._Staging.stage_beside

    def waits(staging: Any, frame: pl.DataFrame) -> Any:
        assert frame["raw"].item() != files[0][0] or has_failed.wait(30)
        return stage(staging, frame)

    def tells(staging: Any, place: Any, part: Any, goes_on: Any) -> Any:
        try:
            return beside(staging, place, part, goes_on)
        finally:
            if part.files[0] == export.files[6]:
                has_failed.set()

    monkeypatch.setattr(module._Staging, "_stage_frame", waits)
    monkeypatch.setattr(module._Staging, "stage_beside", tells)
    (refused,) = landing.ingest().refused
    assert export.files[5].key in refused.message


class RungError(Exception):
    """What a signal raises in the main thread."""


def test_an_interruption_ends_all_parts_at_their_next_frame(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a stage's time limit does, or Ctrl-C."""
    monkeypatch.setattr(module, "LEAST_LINES", 1)
    monkeypatch.setattr(lines, "FRAME_BYTES", 1)
    files = [[full_record({"pk": {"S": f"{number:02d}"}})] for number in range(12)]
    landing._write(ExportType.FULL, AT, AT, files)
    are_two, asked, staged = threading.Barrier(2, timeout=30), [], []
    stage, beside = module._Staging._stage_frame, module._Staging.stage_beside

    def meets(staging: Any, frame: pl.DataFrame) -> Any:
        number = files.index([frame["raw"].item()])
        if number in {0, 6}:
            are_two.wait()
            if number == 0:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            wait_until(lambda: not asked[0](), "the parts are told to end")
        staged.append(number)
        return stage(staging, frame)

    def asks(staging: Any, place: Any, part: Any, goes_on: Any) -> Any:
        asked.append(goes_on)
        return beside(staging, place, part, goes_on)

    def interrupt(*_: object) -> None:
        raise RungError

    monkeypatch.setattr(module._Staging, "_stage_frame", meets)
    monkeypatch.setattr(module._Staging, "stage_beside", asks)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(RungError):
            landing.ingest()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert sorted(staged) == [0, 6]


def test_lines_that_get_lost_while_they_are_written_are_noticed(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B1: should the engine ever write other lines than were read, nothing of the export is loaded."""
    landing.full("a", "b")
    stage = module.stage_lines

    def loses_half(*args: Any, **facts: Any) -> Any:
        staged = stage(*args, **facts)
        return replace(staged, rows=staged.rows // 2)

    monkeypatch.setattr(module, "stage_lines", loses_half)
    with pytest.raises(PermanentError, match=r"was not written whole; expected: 2 lines .*; found: 1 lines"):
        landing.ingest()
    assert landing.lines() == []


def test_an_error_that_is_not_the_files_fault_stands(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: a full disk is no verdict on the export; the next run loads it."""
    export = landing.full("a")

    def fails(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patches:
        patches.setattr(module, "stage_lines", fails)
        with pytest.raises(OSError, match="no space left"):
            landing.ingest()
    assert [one.id for one in landing.ingest().loaded] == ids(export)
