"""The lines of an export come in frames of bounded bytes, from many small data files as from one large (rule B4)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medallion_assets.refining.bronze import batch_files, batches_in, bronze_table
from medallion_assets.sources.dynamodb_export import verified_lines
from medallion_assets.sources.dynamodb_export.find import find_exports
from medallion_assets.sources.dynamodb_export.manifest import DataFile, Export, ExportType
from medallion_assets.sources.dynamodb_export.read import read_export
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, Verdict
from medallion_assets.sources.dynamodb_export.verified_lines import ReadSizes, export_lines
from medallion_assets.sources.dynamodb_export.verify import verified_files
from medallion_assets.storage.stores import read_bytes, url_of, write_bytes
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.refining.landing import AT, HOUR, TABLE, Landing, ids
from medallion_assets_tests.sources.dynamodb_export.planted_exports import change_data


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path)


def exported(landing: Landing, files: Sequence[Sequence[str]]) -> Export:
    landing._write(ExportType.FULL, AT, AT, files)
    (found,) = find_exports(landing.store)
    return read_export(landing.store, found)


def rows(frames: Sequence[pl.DataFrame]) -> list[tuple[str, int, str]]:
    return [row for frame in frames for row in frame.iter_rows()]


def expected(export: Export, files: Sequence[Sequence[str]]) -> list[tuple[str, int, str]]:
    return [
        (file.key, number, line)
        for file, lines in zip(export.files, files, strict=True)
        for number, line in enumerate(lines, start=1)
    ]


def read_with(landing: Landing, sizes: ReadSizes) -> None:
    """From now on its exports are read in pieces of such sizes."""
    landing.declared = replace(landing.declared, source=replace(EXPORTS, sizes=sizes))


FILES = [["a", "", "b"], [], ["é"], [""], ["c" * 50, "d"]]


def test_many_small_files_become_one_frame(landing: Landing) -> None:
    """Blank lines and files without any line included; each line knows its file and its number there."""
    export = exported(landing, FILES)
    frames = list(export_lines(landing.store, export))
    assert (len(frames), rows(frames)) == (1, expected(export, FILES))


@pytest.mark.parametrize("sizes", [ReadSizes(short_text=30), ReadSizes(small_file=30)])
def test_large_files_say_the_same(landing: Landing, sizes: ReadSizes) -> None:
    """Files that are streamed, and small ones whose text is long, between others."""
    export = exported(landing, FILES)
    assert rows(list(export_lines(landing.store, export, sizes))) == expected(export, FILES)


@pytest.mark.parametrize("sizes", [ReadSizes(side_by_side=1), ReadSizes(side_by_side=1, small_file=30, frame=30)])
def test_a_large_export_is_read_by_two_and_says_the_same(landing: Landing, sizes: ReadSizes) -> None:
    """Each reads every other file; the lines of a file are in their order, and none is there twice."""
    export = exported(landing, FILES)
    read = rows(list(export_lines(landing.store, export, sizes)))
    assert sorted(read) == sorted(expected(export, FILES))
    for file in export.files:
        numbers = [number for name, number, _ in read if name == file.key]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("bad", [2, 3])
def test_a_file_that_is_bad_ends_both_who_read(landing: Landing, bad: int) -> None:
    """B1: it is named, whichever of the two it falls to."""
    export = exported(landing, [["a"], ["b"], ["c"], ["d"]])
    change_data(landing.store, export, bad, b"no gzip")
    with pytest.raises(ExportRefusedError) as refused:
        list(export_lines(landing.store, export, ReadSizes(side_by_side=1, frame=1)))
    assert (refused.value.verdict, export.files[bad].key in str(refused.value)) == (Verdict.NOT_GZIP, True)


def test_a_frame_ends_where_it_has_enough_bytes(landing: Landing) -> None:
    """Of one file as of many: what bounds memory is bytes."""
    files = [["x" * 100] * 5, ["y" * 100], ["z" * 100]]
    export = exported(landing, files)
    frames = list(export_lines(landing.store, export, ReadSizes(frame=200, piece=100, short_text=200)))
    assert rows(frames) == expected(export, files)
    assert len(frames) > 1


def test_lines_without_any_text_are_lines(landing: Landing) -> None:
    """B4: of a large file that has no others."""
    read_with(landing, ReadSizes(short_text=1))
    files: list[list[str]] = [[""] * 5]
    export = exported(landing, files)
    assert rows(list(export_lines(landing.store, export))) == expected(export, files)


def test_an_export_of_many_files_is_few_files_of_bronze(landing: Landing) -> None:
    """Silver's cost must not grow with the files that DynamoDB wrote; the ledger names the export all the same."""
    files = [[f"line {number}"] for number in range(100)]
    export = landing._write(ExportType.FULL, AT, AT, files)
    assert [batch.records for batch in landing.ingest().loaded] == [100]
    bronze = landing.lakehouse.open(bronze_table(TABLE))
    assert batch_files(bronze, export.export_id).height == 1
    assert [(batch.id, batch.records) for batch in batches_in(bronze, EXPORTS)] == [(export.export_id, 100)]
    assert sorted(bronze.scan().select("raw").collect()["raw"]) == sorted(line for (line,) in files)


def test_one_broken_file_of_many_leaves_nothing_in(landing: Landing) -> None:
    """B1: it is named, whatever was written before it was read."""
    read_with(landing, ReadSizes(frame=50))
    export = landing._write(ExportType.FULL, AT, AT, [[f"line {number}"] for number in range(100)])
    change_data(landing.store, export, 70, b"no gzip")
    (refused,) = landing.ingest().refused
    assert (refused.export_id, refused.verdict) == (export.export_id, "not_gzip")
    assert export.files[70].key in refused.message
    assert landing.lines() == []


def test_a_file_that_is_no_text_is_named_among_many(landing: Landing) -> None:
    """B1: they become lines together, so the engine cannot say which it was."""
    files: list[list[bytes]] = [[f"line {number}".encode()] for number in range(50)]
    files[33] = [b"\xff\xfe"]
    export = landing._write(ExportType.FULL, AT, AT, files)
    (refused,) = landing.ingest().refused
    assert refused.verdict == "invalid_utf8"
    assert export.files[33].key in refused.message


def test_the_next_run_loads_what_a_broken_file_stopped(landing: Landing) -> None:
    """B2: once the file is right."""
    export = landing._write(ExportType.FULL, AT, AT, [[f"line {number}"] for number in range(20)])
    data = read_bytes(landing.store, export.files[7].key)
    assert data is not None
    write_bytes(landing.store, export.files[7].key, b"no gzip")
    assert landing.ingest().loaded == []
    write_bytes(landing.store, export.files[7].key, data)
    assert [batch.id for batch in landing.ingest().loaded] == ids(export)


def fail_from_now_on(landing: Landing, file: DataFile) -> None:
    """Let the disk give an I/O error to whoever reads it; opening it succeeds."""
    path = Path(url_of(landing.store), file.key)
    path.unlink()
    path.symlink_to("/proc/self/mem")


def test_a_disk_that_fails_in_one_export_stops_no_other(landing: Landing) -> None:
    """B1, B2: it is refused, and loaded once the disk is sound."""
    broken, later = landing.full("a", "b"), landing.full("c", at=AT + HOUR)
    data = read_bytes(landing.store, broken.files[1].key)
    assert data is not None
    fail_from_now_on(landing, broken.files[1])
    done = landing.ingest()
    assert [(refused.export_id, refused.verdict) for refused in done.refused] == [(broken.export_id, "unreadable")]
    assert broken.files[1].key in done.refused[0].message
    assert [batch.id for batch in done.loaded] == ids(later)
    Path(url_of(landing.store), broken.files[1].key).unlink()
    write_bytes(landing.store, broken.files[1].key, data)
    assert [batch.id for batch in landing.ingest().loaded] == ids(broken)


@pytest.mark.parametrize("sizes", [ReadSizes(small_file=0), ReadSizes(small_file=0, piece=1, frame=1)])
def test_a_disk_that_fails_after_the_bytes_were_right_is_a_verdict_too(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, sizes: ReadSizes
) -> None:
    """B1: the lines of a large file are read from the disk once more."""
    export = exported(landing, [["a"], ["b", "c"]])

    def failing(*given: Any, **options: Any) -> Generator[tuple[DataFile, Path | bytes]]:
        for file, source in verified_files(*given, **options):
            if file is export.files[1]:
                fail_from_now_on(landing, file)
            yield file, source

    monkeypatch.setattr(verified_lines, "verified_files", failing)
    with pytest.raises(ExportRefusedError) as refused:
        list(export_lines(landing.store, export, sizes))
    assert (refused.value.verdict, refused.value.file) == (Verdict.UNREADABLE, export.files[1].key)
